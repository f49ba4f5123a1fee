"""The display of a running replay: a progress bar in a terminal, a line every few seconds elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from producers.control import ReplayState
from segue.cli.console import messages

Show = Callable[[ReplayState], None]

_LINE_SECONDS = 5.0
_LAG_SECONDS = 10.0


@contextmanager
def replay_bar(title: str) -> Iterator[Show]:
    """Yield a callable that displays a state of the replay."""
    if not messages.is_terminal:
        yield ReplayLines(partial(messages.print, soft_wrap=True))
        return
    bar = ReplayBar(title)
    with bar.progress:
        yield bar


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:,.0f}/s", style="green")


class ReplayBar:
    """A progress bar with event date, transactions sent, rate and lag of a replay; call it with every state."""

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
            console=messages,
            speed_estimate_period=3,
        )
        self._task = self.progress.add_task(title, total=1, date="", lag=0)

    def __call__(self, state: ReplayState) -> None:
        """Display a state."""
        self.progress.update(
            self._task,
            description=_activity(state),
            completed=state.sent,
            total=max(state.total, 1),
            date=f"{state.event_time:%Y-%m-%d}",
            lag=state.lag,
        )


class ReplayLines:
    """The state of a replay as a line every few seconds, for logs; call it with every state."""

    def __init__(self, say: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._now = now
        self._next = 0.0

    def __call__(self, state: ReplayState) -> None:
        """Print a state, if the last line is old enough."""
        if self._now() >= self._next:
            self._next = self._now() + _LINE_SECONDS
            when = f"{state.event_time:%Y-%m-%d %H:%M}"
            self._say(f"{_activity(state)}: {when}, {state.sent:,} of {state.total:,} sent, lag {state.lag:,}")


class LagWarning:
    """Reports once that the lag has not fallen for ten seconds; rearmed when it falls. Call it with every state."""

    def __init__(self, say: Callable[[], None], now: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._now = now
        self._lag = 0
        self._since = now()
        self._reported = False

    def __call__(self, state: ReplayState) -> None:
        """Check a state."""
        if state.lag == 0 or state.lag < self._lag:
            self._since, self._reported = self._now(), False
        elif not self._reported and self._now() - self._since >= _LAG_SECONDS:
            self._reported = True
            self._say()
        self._lag = state.lag


def _activity(state: ReplayState) -> str:
    return "paused" if state.state == "paused" else f"replaying {state.speed}"
