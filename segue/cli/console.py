"""What people see: one console for words, one line for an error, one style of progress bar."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from producers.control import ReplayState

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


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f}/s", style="green")


class ReplayBar:
    """Event date, transactions sent, rate and lag of a replay; call it with every state."""

    def __init__(self, title: str) -> None:
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TextColumn("[bold]{task.fields[date]}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            _Rate(),
            TextColumn("lag {task.fields[lag]:,}"),
            TimeElapsedColumn(),
            console=words,
            speed_estimate_period=3,
        )
        self._task = self.progress.add_task(title, total=1, date="", lag=0)

    def __call__(self, state: ReplayState) -> None:
        """Show a state."""
        self.progress.update(
            self._task,
            description="paused" if state.state == "paused" else f"replaying {state.speed}",
            completed=state.sent,
            total=max(state.total, 1),
            date=f"{state.event_time:%Y-%m-%d}",
            lag=state.lag,
        )


@contextmanager
def replay_bar(title: str) -> Iterator[ReplayBar]:
    """A progress bar while a replay runs."""
    bar = ReplayBar(title)
    with bar.progress:
        yield bar


@contextmanager
def doing(what: str) -> Iterator[None]:
    """A spinner for things that take a moment."""
    with words.status(f"{what} …"):
        yield
