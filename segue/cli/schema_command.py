"""``segue schema``: the JSON Schemas of the messages in topics."""

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from data.contract import schema_files
from segue.cli.console import fail, messages


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(schema)


def schema(
    name: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it
        typer.Argument(metavar="[NAME]", help="The schema to print; without a name, their names are printed."),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--out", "-o", metavar="FOLDER", help="Write all schemas into a folder."),
    ] = None,
) -> None:
    """Print the JSON Schema of a message: of a change, a latest state, a transaction and so on.

    The schemas are part of the contract and need neither a stack nor a database.
    """
    if out is not None:
        if name is not None:
            fail("give a NAME or --out, not both")
        try:
            out.mkdir(parents=True, exist_ok=True)
            for each in schema_files.names():
                (out / schema_files.file_of(each).name).write_bytes(schema_files.read(each))
        except OSError as error:
            fail(f"can't write to {out}: {error.strerror}")
        messages.print(f"{len(schema_files.names())} schemas written to {out}", markup=False)
    elif name is None:
        sys.stdout.write("\n".join(schema_files.names()) + "\n")
    else:
        sys.stdout.write(schema_files.read(name).decode())
