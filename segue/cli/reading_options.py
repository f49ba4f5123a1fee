"""The options of every command that reads the files of a shop."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

from runtime.output_files import check_output
from segue.cli.console import fail, messages

if TYPE_CHECKING:
    from data.datasets.dataset import Dataset
    from data.datasets.mapping import Mapping
    from data.datasets.reading import Reading


FILES_HELP = (
    "Files of transactions (.csv, .tsv, .xlsx, .parquet, also .csv.gz), folders of them, patterns, or - for the "
    "standard input; together they are one dataset."
)
Files = Annotated[
    Optional[list[Path]],  # noqa: UP045 - typer reads it
    typer.Argument(
        metavar="FILES...",
        help=f"{FILES_HELP} By default the downloaded dataset if there is one, otherwise synthetic data.",
    ),
]
MappingFile = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--mapping",
        metavar="FILE",
        help="A mapping (TOML) that says how the files are to be read; see docs/files.md. By default it is found out.",
    ),
]
Settings = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--set", metavar="KEY=VALUE", help="Set a key of the mapping, such as time.day_first=true."),
]
OnError = Annotated[
    Literal["stop", "skip"],
    typer.Option(
        "--on-error",
        help="Whether a row that can't be used stops the reading, or its invoice is set aside and counted.",
    ),
]
Rejects = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--rejects", metavar="FILE", help="With --on-error skip, write what is set aside to this CSV, with the reasons."
    ),
]


def reading(
    files: Sequence[Path] | None,
    mapping: Path | None,
    settings: list[str] | None,
    on_error: Literal["stop", "skip"],
    rejects: Path | None,
    currency: str,
) -> "Reading":
    """How files are to be read, by the options of a command.

    Raises
    ------
    Exit
        If the mapping can't be read, the options contradict each other, or no file is named that they are about.
    OutputError
        If the rejects can't be written.
    """
    from data.datasets.reading import Reading

    given = {"--mapping": mapping is not None, "--set": bool(settings), "--rejects": rejects is not None}
    without_files = [] if files else [option for option, is_given in given.items() if is_given]
    if without_files:
        fail(f"{without_files[0]} needs FILES: name the files that it is about")
    if rejects is not None:
        if on_error == "stop":
            fail("--rejects needs --on-error skip")
        check_output(rejects, force=True)
    return Reading(
        None if mapping is None else _mapping(mapping),
        tuple(settings or ()),
        on_error,
        rejects,
        currency,
    )


def mapping_of(path: Path, settings: list[str] | None) -> "Mapping":
    """The mapping of a file, with keys set anew.

    Raises
    ------
    Exit
        If the mapping can't be read.
    DataError
        If it, or a setting, is not valid.
    """
    from data.datasets.mapping_toml import with_settings

    return with_settings(_mapping(path), settings or ())


def mention(dataset: "Dataset") -> None:
    """Print what a person should know about how files were read, and how many rows were set aside."""
    for note in dataset.notes:
        messages.print(note, style="yellow", markup=False, soft_wrap=True)
    if rejected := dataset.report.rejected_rows:
        rows = "1 row can't be used and was" if rejected == 1 else f"{rejected:,} rows can't be used and were"
        messages.print(f"{rows} set aside.", style="yellow", soft_wrap=True)


def _mapping(path: Path) -> "Mapping":
    from data.datasets.mapping_toml import from_toml

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        fail(f"can't read the mapping {path}: {error.strerror or error}")
    except UnicodeDecodeError:
        fail(f"the mapping {path} is not a text in UTF-8")
    return from_toml(text, path.name)
