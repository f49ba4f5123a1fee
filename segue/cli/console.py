"""What people see: one console for words, one line for an error, a spinner for what takes a moment."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Words go to standard error, so that what is asked for (JSON, lists) has standard output to itself.
words = Console(stderr=True, highlight=False)
output = Console(highlight=False, soft_wrap=True)


def fail(reason: str) -> NoReturn:
    """End with one line that says what is wrong."""
    words.print(Text.assemble(("error: ", "bold red"), reason), soft_wrap=True)
    raise typer.Exit(1)


def table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    """A small table; columns after the first are aligned right."""
    sheet = Table(title=title, title_justify="left", header_style="bold")
    for number, column in enumerate(columns):
        sheet.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        sheet.add_row(*row)
    return sheet


def counted(changes: Mapping[str, int]) -> str:
    """Changes by cause in words, most frequent first."""
    ordered = sorted(changes.items(), key=lambda item: -item[1])
    return ", ".join(f"{count:,} {cause.replace('_', ' ')}" for cause, count in ordered) or "none"


@contextmanager
def doing(what: str) -> Iterator[None]:
    """A spinner for things that take a moment; a line where nothing can spin."""
    if not words.is_terminal:
        words.print(f"{what} …")
    with words.status(f"{what} …"):
        yield
