"""Signals that ask a local stack to stop: the first one interrupts, later ones are ignored."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Handlers of SIGINT, SIGTERM and SIGHUP that raise ``KeyboardInterrupt`` once.

    A shutdown that has begun is never interrupted: a second Ctrl-C would leave child processes behind.
    """

    def __init__(self) -> None:
        self._former: dict[signal.Signals, Any] = {}
        self._held = False
        self._received = False
        self._raised = False

    def install(self) -> None:
        """Install the handlers. Does nothing outside the main thread, where Python allows no handlers."""
        if current_thread() is not main_thread():
            return
        for number in _SIGNALS:
            # A signal that is ignored, as `nohup` ignores SIGHUP, stays ignored.
            if (former := signal.getsignal(number)) is not signal.SIG_IGN:
                self._former[number] = former
                signal.signal(number, self._handle)

    def restore(self) -> None:
        """Restore the handlers that were there before."""
        while self._former:
            signal.signal(*self._former.popitem())

    def ignore(self) -> None:
        """From now on, ignore the signals."""
        self._raised = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the signals back while the block runs, and interrupt at its end."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._received:
            self._interrupt()

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._received = True
        if not self._held:
            self._interrupt()

    def _interrupt(self) -> None:
        if not self._raised:
            self._raised = True
            raise KeyboardInterrupt
