"""Ending a replay by a signal: the first SIGINT or SIGTERM asks it to stop, the second one ends it at once."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class EndedAtOnce(KeyboardInterrupt):
    """A second signal has ended a replay; ``exit_code`` is the one of the first signal."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


class StopSignals:
    """The signal that was received, if any."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None

    @property
    def exit_code(self) -> int:
        """The exit code of a process that the signal has ended: 130 for SIGINT, 143 for SIGTERM; 0 without a signal."""
        return 0 if self.received is None else 128 + self.received


@contextmanager
def stop_signals(stop: Callable[[], None]) -> Iterator[StopSignals]:
    """Call ``stop`` at the first signal; the second one raises :class:`EndedAtOnce`."""
    found = StopSignals()

    def handle(number: int, frame: FrameType | None) -> None:
        if found.received is not None:
            raise EndedAtOnce(found.exit_code)
        found.received = signal.Signals(number)
        stop()

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
