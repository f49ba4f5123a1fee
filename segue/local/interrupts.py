"""Signals that ask a local stack to stop: one interrupts, and later ones are ignored once the stack is stopping."""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# An interrupt is on its way to the code that stops the stack for far less than this.
_ON_ITS_WAY_SECONDS = 1.0


class Interrupts:
    """Handlers of SIGINT, SIGTERM and SIGHUP that raise ``KeyboardInterrupt``.

    A shutdown that has begun is never interrupted: a second Ctrl-C would leave child processes behind. Python drops an
    exception that is raised in a finalizer or in a callback of C code, so an interrupt may be lost there:
    :meth:`check` raises it again, and so does a later signal.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._former: dict[signal.Signals, Any] = {}
        self._held = False
        self._received = False
        self._stopping = False
        self._raised = -math.inf

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
        """From now on, ignore the signals: the shutdown has begun."""
        self._stopping = True

    def check(self) -> None:
        """Interrupt if a signal was received and the shutdown has not begun."""
        if self._received and not self._held and not self._stopping:
            raise KeyboardInterrupt

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
        now = self._now()
        if not self._stopping and now - self._raised >= _ON_ITS_WAY_SECONDS:
            self._raised = now
            raise KeyboardInterrupt
