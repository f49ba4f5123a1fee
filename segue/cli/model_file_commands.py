"""``segue models import`` and ``segue models export``: models as files."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from batch.choices import Format
from batch.model_files import read_model
from data.postgres import model_registry
from data.postgres.aliases import CHAMPION
from runtime.output_files import check_output, replacing
from runtime.settings import Settings
from segue.cli import options
from segue.cli.auditing import recorded
from segue.cli.console import messages
from segue.cli.postgres import connect


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("import")(import_model)
    app.command()(export)


def import_model(
    file: Annotated[Path, typer.Argument(help="A model as JSON.", exists=True, dir_okay=False)],
) -> None:
    """Check a file that `segue models export` has written, and register its model."""
    model = read_model(file)
    postgres = connect(Settings())
    known = model.version in model_registry.load_all(postgres, [model.version])
    with recorded(postgres, "models import", model.version):
        alias = model_registry.register(postgres, model)
    messages.print(
        f"{model.version} was registered already; it is the {alias}."
        if known
        else f"Registered as {model.version}, the {alias}."
    )


def export(
    model: options.Model = CHAMPION,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--out",
            "-o",
            help="File to write. By default the version, in the current folder.",
        ),
    ] = None,
    form: Annotated[
        Format,
        typer.Option("--format", help="`json` for services, `skops` for scikit-learn, `joblib` as a pickle."),
    ] = "json",
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a model to a file: as JSON, which services load, or as a scikit-learn pipeline."""
    from batch.export import write_model

    if out is not None:
        check_output(out, suffixes=(f".{form}",), force=force)
    found = model_registry.find(connect(Settings()), model)
    path = out or Path(f"{found.version}.{form}")
    if out is None:
        check_output(path, force=force)
    with replacing(path) as draft:
        write_model(found, draft, form)
    messages.print(f"Written to {path}")
    if form == "joblib":
        messages.print("Loading a joblib file executes code from it: share the skops file instead.", style="yellow")
