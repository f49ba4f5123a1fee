"""``segue score``: every customer's segment by any model, without a stack."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Optional

import typer

from runtime.settings import Settings
from segue.cli import options, reading_options
from segue.cli.console import output, spinner


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(score)


def score(
    files: reading_options.Files = None,
    model: Annotated[
        str,
        typer.Option(
            "--model", metavar="MODEL", help="A JSON file of `segue fit -o`, or a version or an alias in the registry."
        ),
    ] = "champion",
    out: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads it
        typer.Option("--out", "-o", help="File to write, .csv: every customer with the segment."),
    ] = None,
    as_of: Annotated[
        Optional[datetime],  # noqa: UP045
        typer.Option(
            "--as-of",
            parser=options.moment,
            metavar="MOMENT",
            help="Count transactions up to this moment. By default a day after the last one.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    accept_dates: options.AcceptDates = False,
    mapping: reading_options.MappingFile = None,
    set_: reading_options.Settings = None,
    on_error: reading_options.OnError = "stop",
    rejects: reading_options.Rejects = None,
) -> None:
    """Assign every customer of a dataset to a segment by a model, and print the segments' sizes.

    With a model in a file this needs neither a stack nor a database.
    """
    from batch.assignments import assignments
    from segue.cli import fitting, scoring

    scoring.check_assigned(out, force)
    settings = Settings()
    how = reading_options.reading(files, mapping, set_, on_error, rejects, settings.currency)
    chosen = scoring.find_model(model, settings)
    with spinner("Counting"):
        source = fitting.from_dataset(settings, files, how, as_of, "segue", accept_dates, chosen.window_days)
    assigned = assignments(source.profiles, chosen)
    output.print(scoring.sizes(assigned, chosen))
    if out is not None:
        scoring.write_assigned(assigned, out)
