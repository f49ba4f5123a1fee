"""``segue backfill``: a model's whole history beside the published one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from models.calendar import Grain
from models.rhythm.carried import rhythm_of
from models.segment_model import SegmentModel
from runtime.counts import many
from runtime.output_files import check_output, replacing
from runtime.settings import Settings
from segue.cli import options
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages, output, progress_bar
from segue.cli.postgres import connect

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from services.backfill.risk_run import WriteRisk
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
    risk_out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--risk-out", help="The same for changes of risk states, if the model carries predictions."),
    ] = None,
    by: Annotated[Grain, typer.Option("--by", help="The calendar periods to compare.")] = "month",
    as_json: options.AsJson = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
) -> None:
    """Compute a model's whole history, as if it had always been active, and compare it with the published one.

    The model may be any registered one, active or not. Its changes are computed from all orders that the stream has
    applied, up to the stream's event time, by the rules that the workers apply. Nothing in Postgres and Kafka changes:
    with -o the changes are written to a file. The comparison shows for every period how many customers are in the same
    segment in both histories, how many moves there were, and how many went to and fro. If the model carries
    predictions, risk states are computed and compared, too.
    """
    from data.postgres import model_registry
    from segue.cli import backfill_report
    from services.backfill.table_files import SUFFIXES

    for file in (out, risk_out):
        if file is not None:
            check_output(file, suffixes=SUFFIXES, force=force)
    if out is not None and risk_out is not None and out.resolve() == risk_out.resolve():
        fail("-o and --risk-out name the same file: the rows of both have different columns")
    postgres = connect(Settings(), 0)
    chosen = model_registry.find(postgres, model)
    if risk_out is not None and rhythm_of(chosen) is None:
        fail(f"{chosen.version} carries no predictions and so has no risk states: leave --risk-out out")
    models = {entry.model.version: entry.model for entry in model_registry.entries(postgres)}
    found = _run(postgres, chosen, models, by, out, risk_out)
    if as_json:
        output.print_json(data=backfill_report.as_json(found, models, by))
    else:
        backfill_report.show(found, models, by)
    if out is not None:
        messages.print(f"{many(found.changes, 'change is', 'changes are')} in {out}", soft_wrap=True, markup=False)
    if risk_out is not None and found.risk is not None:
        messages.print(
            f"{many(found.risk.changes, 'risk change is', 'risk changes are')} in {risk_out}",
            soft_wrap=True,
            markup=False,
        )


def _run(
    postgres: "Engine",
    model: SegmentModel,
    models: dict[str, SegmentModel],
    by: Grain,
    out: Path | None,
    risk_out: Path | None,
) -> "Backfill":
    """Compute and compare; what is written to a file is recorded."""
    from data.postgres.audience_members import at_one_moment
    from services.backfill.run import backfill

    with ExitStack() as until_the_end, at_one_moment(postgres) as connection:
        bar = until_the_end.enter_context(progress_bar(transient=True))
        task = bar.add_task("customers", total=None)

        def run(write: "Write", write_risk: "WriteRisk | None" = None) -> "Backfill":
            return backfill(
                connection,
                model,
                models,
                by,
                write,
                lambda done, total: bar.update(task, completed=done, total=total),
                write_risk=write_risk,
            )

        if out is None and risk_out is None:
            return run(_nowhere)
        with recorded(postgres, "backfill", model.version) as detail:
            with _written(model, out, risk_out) as (write, write_risk):
                found = run(write, write_risk)
            if out is not None:
                detail["rows"] = found.changes
            if risk_out is not None and found.risk is not None:
                detail["risk_rows"] = found.risk.changes
        return found


@contextmanager
def _written(
    model: SegmentModel, out: Path | None, risk_out: Path | None
) -> Iterator[tuple["Write", "WriteRisk | None"]]:
    """Where changes and risk changes go; files replace what was there only when all is complete."""
    from services.backfill.files import writing
    from services.backfill.risk_files import writing_risk

    write: Write = _nowhere
    write_risk: WriteRisk | None = None
    rhythm = rhythm_of(model)
    with ExitStack() as files:
        if out is not None:
            write = files.enter_context(writing(files.enter_context(replacing(out)), model)).add
        if risk_out is not None and rhythm is not None:
            write_risk = files.enter_context(writing_risk(files.enter_context(replacing(risk_out)), rhythm)).add
        yield write, write_risk


def _nowhere(*_: object) -> None:
    """Write nothing."""
