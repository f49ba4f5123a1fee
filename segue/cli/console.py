"""Terminal output: a console for messages and one for results, errors as one line, tables and a spinner."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NoReturn

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from runtime.readable import visible

_PIPE_WIDTH = 400
_LONGEST_NAME = 40


# Messages go to standard error, so that standard output contains only the result (JSON, lists).
class VisibleConsole(Console):
    """A console that shows control, bidirectional and invisible characters of stored text as escapes.

    They could move the cursor, or change the order in which the text around them is shown. JSON stays as it is.
    """

    _is_json = False

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Render an object as segments of visible text."""
        for segment in super().render(renderable, options):
            text = segment.text if segment.control or self._is_json else visible(segment.text, keep="\n")
            yield Segment(text, segment.style, segment.control)

    def print_json(self, json: str | None = None, **options: Any) -> None:
        """Print JSON, whose characters are part of the data."""
        self._is_json = True
        try:
            super().print_json(json, **options)
        finally:
            self._is_json = False


messages = VisibleConsole(stderr=True, highlight=False)
output = VisibleConsole(highlight=False, soft_wrap=True)
if not output.is_terminal:
    # A program that reads a table from a pipe needs whole cells, and has no edge to fit them to.
    output.width = _PIPE_WIDTH


def fail(reason: str) -> NoReturn:
    """Print an error as one line, and exit with code 1."""
    messages.print(Text.assemble(("error: ", "bold red"), reason), soft_wrap=True)
    raise typer.Exit(1)


def table(title: str, columns: list[str], rows: list[list[str]], align: Literal["left", "right"] = "right") -> Table:
    """Return a small table; ``align`` is how columns after the first are aligned."""
    sheet = Table(title=Text(title), title_justify="left", header_style="bold")
    for number, column in enumerate(columns):
        # The first column is what one has to type next: it is never cut.
        whole = min(max((len(row[0]) for row in rows), default=0), _LONGEST_NAME) if number == 0 else None
        sheet.add_column(column, justify="left" if number == 0 else align, min_width=whole)
    for row in rows:
        # As text: a stored text may contain what rich reads as markup.
        sheet.add_row(*(Text(visible(cell)) for cell in row))
    return sheet


def counted(changes: Mapping[str, int]) -> str:
    """Return counts of changes by cause as text, most frequent first."""
    ordered = sorted(changes.items(), key=lambda item: -item[1])
    return ", ".join(f"{count:,} {cause.replace('_', ' ')}" for cause, count in ordered) or "none"


@contextmanager
def spinner(what: str) -> Iterator[None]:
    """Show a spinner while the block runs; where there is no terminal, print one line."""
    if not messages.is_terminal:
        messages.print(f"{what} …")
    with messages.status(f"{what} …"):
        yield


def progress_bar(transient: bool) -> Progress:
    """Return a progress bar that counts completed steps; a ``transient`` one disappears at its end."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    # Without a terminal, a bar that disappears would leave an empty line.
    return Progress(*columns, console=messages, transient=transient, disable=transient and not messages.is_terminal)
