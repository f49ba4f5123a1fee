"""``segue backfill``: a model's whole history beside the published one."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from models.calendar import Grain
from models.segment_model import SegmentModel
from runtime.output_files import check_output, replacing
from runtime.settings import Settings
from segue.cli import options
from segue.cli.auditing import recorded
from segue.cli.console import messages, output, progress_bar
from segue.cli.postgres import connect

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from services.backfill.run import Backfill, Write


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="backfill")(backfill_model)


def backfill_model(
    model: options.Model,
    out: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads it
        typer.Option("--out", "-o", help="File to write, .csv or .parquet: one row per change of every customer."),
    ] = None,
    by: Annotated[Grain, typer.Option("--by", help="The calendar periods to compare.")] = "month",
    as_json: options.AsJson = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Compute a model's whole history, as if it had always been active, and compare it with the published one.

    The model may be any registered one, active or not. Its changes are computed from all orders that the stream has
    applied, up to the stream's event time, by the rules that the workers apply. Nothing in Postgres and Kafka changes:
    with -o the changes are written to a file. The comparison shows for every period how many customers are in the same
    segment in both histories, how many moves there were, and how many went to and fro.
    """
    from data.postgres import model_registry
    from segue.cli import backfill_report
    from services.backfill.files import SUFFIXES

    if out is not None:
        check_output(out, suffixes=SUFFIXES, force=force)
    postgres = connect(Settings(), 0)
    chosen = model_registry.find(postgres, model)
    models = {entry.model.version: entry.model for entry in model_registry.entries(postgres)}
    found = _run(postgres, chosen, models, by, out)
    if as_json:
        output.print_json(data=backfill_report.as_json(found, models, by))
    else:
        backfill_report.show(found, models, by)
    if out is not None:
        messages.print(f"{found.changes:,} changes are in {out}", soft_wrap=True, markup=False)


def _run(
    postgres: "Engine", model: SegmentModel, models: dict[str, SegmentModel], by: Grain, out: Path | None
) -> "Backfill":
    """Compute and compare; a file replaces what was there only when all is complete."""
    from data.postgres.audience_members import at_one_moment
    from services.backfill.files import writing
    from services.backfill.run import backfill

    with ExitStack() as until_the_end, at_one_moment(postgres) as connection:
        bar = until_the_end.enter_context(progress_bar(transient=True))
        task = bar.add_task("customers", total=None)

        def run(write: "Write") -> "Backfill":
            return backfill(
                connection,
                model,
                models,
                by,
                write,
                lambda done, total: bar.update(task, completed=done, total=total),
            )

        if out is None:
            return run(lambda *_: None)
        with recorded(postgres, "backfill", model.version) as detail, replacing(out) as draft:
            with writing(draft, model) as file:
                found = run(file.add)
            detail["rows"] = found.changes
        return found
