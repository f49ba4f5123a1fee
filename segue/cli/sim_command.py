"""``segue sim``: the real worker in a simulated world, again and again, each time with the faults of another seed."""

import itertools
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.counts import many
from runtime.errors import first_line
from segue.cli import options
from segue.cli.console import fail, output, progress_bar, spinner, table

if TYPE_CHECKING:
    from sim.campaign import SimulationReport
    from sim.postgres.server import PostgresServer

_DEFAULT = 1_000


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sim)


def sim(
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first history. Each further history adds 1.")] = 1,
    histories: Annotated[
        int | None, typer.Option(min=1, help=f"Number of histories: {_DEFAULT:,}, or no limit with --minutes.")
    ] = None,
    minutes: Annotated[
        float,
        typer.Option(
            min=0,
            max=options.A_WEEK_IN_MINUTES,
            callback=options.number,
            help="End after this many minutes; 0 means never.",
        ),
    ] = 0,
    stop_at_first: Annotated[bool, typer.Option(help="End at the first history that fails.")] = False,
    shrink: Annotated[bool, typer.Option(help="Look for the smallest history that fails like the first one.")] = True,
    story: Annotated[bool, typer.Option(help="Print the first history as a story, whether it fails or not.")] = False,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A migrated, empty database to use; by default one of its own."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Run the real worker in a simulated world, with crashes, lost answers and other faults at any moment.

    One seed decides everything that happens. After each history, tables and topics are compared with a recomputation.
    The exit code is 0 only if nothing differs. The first history that fails is made smaller and shown as a story.
    """
    started = time.monotonic()
    end = started + minutes * 60 if minutes else None
    count = histories or (None if minutes else _DEFAULT)
    with _database(database) as server:
        report, interrupted = _run(server, seed, count, end, stop_at_first)
        if story and not as_json and not interrupted:
            _tell(server, seed, shrinking=False)
        if report.failed and not as_json and not interrupted:
            _tell(server, report.failed[0].seed, shrinking=shrink)
    _show(report, time.monotonic() - started, as_json)
    if report.failed:
        raise typer.Exit(1)


def _run(
    server: "PostgresServer", seed: int, count: int | None, end: float | None, stop: bool
) -> tuple["SimulationReport", bool]:
    """Run the histories; returns the report, and whether a signal has ended them."""
    from sim.campaign import SimulationReport, campaign

    seeds = itertools.count(seed) if count is None else range(seed, seed + count)
    report = SimulationReport()
    with progress_bar(transient=True) as bar:
        task = bar.add_task("histories", total=count)

        def each(so_far: "SimulationReport") -> bool:
            bar.update(task, completed=so_far.histories, description=f"histories, {len(so_far.failed)} failed")
            return end is None or time.monotonic() < end

        try:
            campaign(server, seeds, stop, each, report)
        except KeyboardInterrupt:
            return report, True
    return report, False


def _tell(server: "PostgresServer", seed: int, shrinking: bool) -> None:
    from sim.campaign import plan_of, run
    from sim.shrink import shrunk
    from sim.story import story

    plan = plan_of(seed)
    if shrinking:
        with spinner("Looking for a smaller history that fails"):
            plan = shrunk(plan, lambda smaller: bool(run(smaller, server).problems))
    for line in story(plan, run(plan, server)):
        output.print(line, markup=False)


def _show(report: "SimulationReport", seconds: float, as_json: bool) -> None:
    if as_json:
        output.print_json(
            json.dumps(
                {
                    "histories": report.histories,
                    "failed": [{"seed": failed.seed, "reason": failed.reason} for failed in report.failed],
                    "hash": report.hash,
                    "seconds": round(seconds, 3),
                    "struck": dict(report.struck.most_common()),
                    "reached": dict(report.reached.most_common()),
                }
            )
        )
        return
    rows = [[kind, f"{count:,}"] for kind, count in report.struck.most_common()]
    output.print(table("Faults that struck", ["fault", "times"], rows))
    rows = [[state, f"{count:,}"] for state, count in report.reached.most_common()]
    output.print(table("States that were reached", ["state", "times"], rows))
    for failed in report.failed:
        output.print(f"seed {failed.seed}: {failed.reason}", markup=False)
    hourly = report.histories / seconds * 3_600 if seconds else 0
    output.print(
        f"{many(report.histories, 'history', 'histories')} in {seconds:.0f} s ({hourly:,.0f} an hour), "
        f"{len(report.failed)} failed, {report.virtual_seconds:,.0f} virtual seconds, hash {report.hash}"
    )


@contextmanager
def _database(url: str | None) -> Iterator["PostgresServer"]:
    """The given database, or a new server that ends with this command."""
    import psycopg

    from data.postgres.database import migrate
    from segue.local.postgres import SYNC_VARIABLE, LocalPostgres
    from sim.postgres.server import PostgresServer

    with tempfile.TemporaryDirectory(prefix="segue-sim-") as folder:
        local = None
        if url is None:
            with spinner("Starting Postgres"):
                os.environ[SYNC_VARIABLE] = "off"
                try:
                    local = LocalPostgres.start(Path(folder) / "postgres")
                except RuntimeError as error:
                    fail(str(error))
                migrate(local.url)
        try:
            try:
                server = PostgresServer(url or (local.url if local else ""))
            except psycopg.Error as error:
                fail(f"the simulator can't use the database: {first_line(error)}")
            yield server
            server.close()
        finally:
            if local is not None:
                local.stop()
