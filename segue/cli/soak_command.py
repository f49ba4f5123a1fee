"""``segue soak``: a full replay with faults at random moments, compared with a replay without faults."""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from runtime import logs
from runtime.counts import many
from segue.cli import options, reading_options
from segue.cli.console import messages, output, spinner, table

if TYPE_CHECKING:
    from segue.local.soak.storm import StormReport


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(soak)


def soak(
    files: reading_options.Files = None,
    seed: Annotated[int, typer.Option(help="Seed of the faults and their moments. Each further round adds 1.")] = 1,
    faults: Annotated[int, typer.Option(min=1, help="Number of faults in each round.")] = 20,
    minutes: Annotated[
        float,
        typer.Option(
            min=0,
            max=options.A_WEEK_IN_MINUTES,
            callback=options.number,
            help="Start further rounds until this many minutes have passed.",
        ),
    ] = 0,
    as_json: options.AsJson = False,
    state_dir: options.StateDir = Path(".segue"),
) -> None:
    """Replay through Apache Kafka and three workers while workers, broker and Postgres are killed at random.

    Needs Java 17 and Maven. The outcome is compared with a run without faults, row by row and event by event, and
    with a recomputation of every change from the raw data. The exit code is 0 only if nothing differs. The state folder
    of a failed round is kept.
    """
    from batch.fit_dataset import fit_before
    from data.datasets.selection import choose, default_cutoff
    from segue.local.soak.run import undisturbed
    from segue.local.soak.storm import storm

    # Without this, warnings would be among the JSON on standard output.
    logs.configure()
    # The broker is down on purpose: failed connection attempts are not worth a line.
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL)
    folder = state_dir.resolve() / f"soak-{time.time_ns():x}"
    with spinner("Loading data and fitting a model"):
        chosen = choose(files, state_dir / "datasets").dataset
        model = fit_before(chosen, default_cutoff(chosen))
    with spinner("Replaying without faults"):
        expected = undisturbed(folder / "undisturbed", chosen, model)
    until, reports = time.monotonic() + minutes * 60, list["StormReport"]()
    while not reports or (reports[-1].clean and time.monotonic() < until):
        round_seed = seed + len(reports)
        messages.print(f"[bold]storm {round_seed}[/]")
        reports.append(
            storm(
                folder / f"storm-{round_seed}",
                chosen,
                model,
                expected,
                seed=round_seed,
                faults=faults,
                say=messages.print,
            )
        )
        _show(reports[-1], as_json)
    if not reports[-1].clean:
        messages.print(f"[bold red]the outcome differs[/]: its state folder is in {folder}")
        raise typer.Exit(1)
    folder.rmdir()


def _show(report: "StormReport", as_json: bool) -> None:
    if as_json:
        output.print_json(msgspec.json.encode(report).decode())
        return
    rows = []
    for fault in sorted({record.fault for record in report.strikes}):
        recoveries = [record.recovered_seconds for record in report.strikes if record.fault == fault]
        rows.append([fault, str(len(recoveries)), f"{sum(recoveries) / len(recoveries):.1f}", f"{max(recoveries):.1f}"])
    output.print(table(f"Storm {report.seed}", ["fault", "times", "recovered in s, mean", "max"], rows))
    output.print(
        f"{many(len(report.strikes), 'fault')} in {report.seconds:.0f} s, "
        f"{many(report.transactions, 'transaction')} applied, {report.duplicates:,} of them twice\n"
        f"{many(report.repeats, 'repeat')} in the change topic, "
        f"{many(report.stale_states, 'stale state')} in the compacted topic\n"
        f"[bold]{many(report.unlike_undisturbed, 'difference')}[/] from the run without faults, "
        f"[bold]{report.unlike_recomputed:,}[/] from a recomputation with pandas and scikit-learn"
    )
