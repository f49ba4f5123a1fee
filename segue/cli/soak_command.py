"""``segue soak``: a full replay under a storm of faults, and the proof that they changed nothing."""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from segue.cli import options
from segue.cli.console import doing, output, table, words

if TYPE_CHECKING:
    from segue.local.soak.storm import Report


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(soak)


def soak(
    dataset: options.OptionalDataset = None,
    seed: Annotated[int, typer.Option(help="Which storm; the same seed is the same storm. Later rounds count on.")] = 1,
    faults: Annotated[int, typer.Option(min=1, help="How many faults strike in a round.")] = 20,
    minutes: Annotated[float, typer.Option(min=0, help="Begin another round until so much time is over.")] = 0,
    as_json: options.AsJson = False,
    state_dir: options.StateDir = Path(".segue"),
) -> None:
    """Replay through Apache Kafka and three workers while workers, broker and Postgres are killed at random.

    Needs Java 17 and Maven. The outcome is compared with a run without faults, row by row and event by event, and
    with a recomputation from the raw data. The exit code is 0 only if nothing differs; what a failed round has left
    is kept.
    """
    from batch.fit_dataset import fit_before
    from data.datasets.selection import choose, default_cutoff
    from segue.local.soak.run import undisturbed
    from segue.local.soak.storm import storm

    # A broker that is away is what we are here for: no line for every attempt to reach it.
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL)
    folder = state_dir.resolve() / f"soak-{time.time_ns():x}"
    with doing("Loading data and fitting a model"):
        chosen = choose(dataset, state_dir / "datasets").dataset
        model = fit_before(chosen, default_cutoff(chosen))
    with doing("Replaying without faults"):
        expected = undisturbed(folder / "undisturbed", chosen, model)
    until, reports = time.monotonic() + minutes * 60, list["Report"]()
    while not reports or (reports[-1].clean and time.monotonic() < until):
        round_seed = seed + len(reports)
        words.print(f"[bold]storm {round_seed}[/]")
        reports.append(
            storm(
                folder / f"storm-{round_seed}", chosen, model, expected, seed=round_seed, faults=faults, say=words.print
            )
        )
        _show(reports[-1], as_json)
    if not reports[-1].clean:
        words.print(f"[bold red]not the same[/]: what it left is in {folder}")
        raise typer.Exit(1)
    folder.rmdir()


def _show(report: "Report", as_json: bool) -> None:
    if as_json:
        output.print_json(msgspec.json.encode(report).decode())
        return
    rows = []
    for fault in sorted({strike.fault for strike in report.strikes}):
        recoveries = [strike.recovered_seconds for strike in report.strikes if strike.fault == fault]
        rows.append([fault, str(len(recoveries)), f"{sum(recoveries) / len(recoveries):.1f}", f"{max(recoveries):.1f}"])
    output.print(table(f"Storm {report.seed}", ["fault", "times", "recovered in s, mean", "at most"], rows))
    output.print(
        f"{len(report.strikes)} faults in {report.seconds:.0f} s, {report.transactions:,} transactions applied, "
        f"{report.duplicates:,} of them twice\n"
        f"{report.repeats:,} repeats in the change topic\n"
        f"[bold]{report.unlike_undisturbed:,} differences[/] from the run without faults, "
        f"[bold]{report.unlike_recomputed:,}[/] from a recomputation with pandas and scikit-learn"
    )
