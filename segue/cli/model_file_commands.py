"""``segue models import`` and ``segue models export``: models as files."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from batch.choices import Format
from batch.model_files import read_model
from data.postgres import model_registry
from data.postgres.database import engine
from runtime.settings import Settings
from segue.cli import options
from segue.cli.console import fail, words


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("import")(import_model)
    app.command()(export)


def import_model(
    file: Annotated[Path, typer.Argument(help="The JSON of a model.", exists=True, dir_okay=False)],
) -> None:
    """Register a model from a file that `segue models export` wrote, after checking all of it."""
    model = read_model(file)
    postgres = engine(Settings().database)
    known = model.version in model_registry.load_all(postgres, [model.version])
    alias = model_registry.register(postgres, model)
    words.print(
        f"{model.version} was registered already; it is the {alias}."
        if known
        else f"Registered as {model.version}, the {alias}."
    )


def export(
    model: options.Model = model_registry.CHAMPION,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", "-o", help="Where to write it; by default the version in this folder.", dir_okay=False),
    ] = None,
    form: Annotated[
        Format,
        typer.Option("--format", help="`json` for services, `skops` for scikit-learn; `joblib` is a pickle."),
    ] = "json",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
) -> None:
    """Write a model to a file: the JSON that services load, or a scikit-learn pipeline."""
    from batch.export import write_model

    found = model_registry.find(engine(Settings().database), model)
    path = out or Path(f"{found.version}.{form}")
    if path.exists() and not force:
        fail(f"{path} exists: choose another name, or use --force")
    if not path.absolute().parent.is_dir():
        fail(f"{path.absolute().parent} is not a folder: make it first")
    write_model(found, path, form)
    words.print(f"Written to {path}")
    if form == "joblib":
        words.print("Whoever loads a joblib file runs what is in it: hand out the skops one.", style="yellow")
