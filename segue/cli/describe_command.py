"""``segue data describe``: how files are understood, and what is in them."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.table import Table
from rich.text import Text

from models.units import from_money_units
from runtime.counts import many
from runtime.output_files import check_output, write_text
from runtime.settings import Settings
from segue.cli import options, reading_options
from segue.cli.console import messages, output, spinner, table
from segue.cli.errors import described

if TYPE_CHECKING:
    from data.datasets.dataset import Dataset

_NAMED_DATES = 20
_CELL_WIDTH = 40


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(describe)


def describe(
    files: reading_options.Files = None,
    mapping: reading_options.MappingFile = None,
    set_: reading_options.Settings = None,
    on_error: reading_options.OnError = "stop",
    rejects: reading_options.Rejects = None,
    save_mapping: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads it
        typer.Option(
            "--save-mapping", metavar="FILE", help="Write how the files were understood, to use with --mapping."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing mapping.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Show how files are understood, column by column, what they contain, and what is left out."""
    from data.datasets.mapping_toml import to_toml
    from data.datasets.selection import choose

    if save_mapping is not None:
        check_output(save_mapping, suffixes=(".toml",), force=force)
    settings = Settings()
    how = reading_options.reading(files, mapping, set_, on_error, rejects, settings.currency)
    with spinner("Loading data"):
        chosen = choose(files, settings.datasets_dir, how)
    with chosen.dataset as dataset:
        _warn(dataset)
        if as_json:
            output.print_json(data=_as_json(dataset))
        else:
            title = described(chosen.why, chosen.hint)
            if dataset.columns:
                output.print(_columns(title, dataset))
            output.print(table(title if not dataset.columns else "Contents", ["what", "count"], _counts(dataset)))
        if save_mapping is not None:
            write_text(save_mapping, to_toml(dataset.mapping))
            messages.print(f"The mapping is {save_mapping}; use it with --mapping {save_mapping}", soft_wrap=True)


def _warn(dataset: "Dataset") -> None:
    """Print what a person should know: notes, and rows whose dates are probably mistakes."""
    from data.datasets.unlikely_dates import rows_with, unlikely_dates

    reading_options.mention(dataset)
    found = unlikely_dates(dataset, datetime.now(UTC))
    for unlikely in found[:_NAMED_DATES]:
        rows = rows_with(dataset, unlikely)
        place = f"row {rows[0][1]}" if len(rows) == 1 else f"rows {rows[0][1]} to {rows[-1][1]}"
        file = f"{rows[0][0]}, " if len(dataset.places) > 1 else ""
        reason = "in the future" if unlikely.in_future else "more than a year from all others"
        text = f"{file}{place}: invoice {unlikely.transaction_id} of {unlikely.occurred_at:%Y-%m-%d} is {reason}"
        messages.print(text, style="yellow", markup=False, soft_wrap=True)
    if len(found) > _NAMED_DATES:
        messages.print(f"and {many(len(found) - _NAMED_DATES, 'more invoice')}", style="yellow")


def _columns(title: str, dataset: "Dataset") -> Table:
    sheet = Table(title=Text(title), title_justify="left", header_style="bold")
    for heading in ("what", "column", "read as", "in the file", "understood as"):
        sheet.add_column(heading)
    for column in dataset.columns:
        before = Text("\n".join(_cut(cell) for cell in column.before))
        after = Text("\n".join(_cut(cell) for cell in column.after))
        sheet.add_row(column.name.replace("_", " "), Text(column.column), Text(column.convention), before, after)
    return sheet


def _cut(cell: str) -> str:
    line = " ".join(cell.split())
    return line if len(line) <= _CELL_WIDTH else f"{line[: _CELL_WIDTH - 1]}…"


def _facts(dataset: "Dataset") -> dict[str, Any]:
    report = asdict(dataset.report)
    gross, returned = (from_money_units(report.pop(name)) for name in ("gross_units", "returned_units"))
    return {
        **{name: str(value) if isinstance(value, datetime) else value for name, value in report.items()},
        "currency": dataset.currency,
        "gross": f"{gross:f}",
        "returned": f"{returned:f}",
    }


def _counts(dataset: "Dataset") -> list[list[str]]:
    return [
        [name.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value)]
        for name, value in _facts(dataset).items()
    ]


def _as_json(dataset: "Dataset") -> dict[str, Any]:
    return _facts(dataset) | {
        "preset": dataset.mapping.preset,
        "notes": list(dataset.notes),
        "columns": [
            column._asdict() | {"before": list(column.before), "after": list(column.after)}
            for column in dataset.columns
        ],
    }
