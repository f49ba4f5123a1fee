"""What Ctrl-C and SIGTERM do to a service."""

import signal
from collections.abc import Callable
from types import FrameType


def stop_by_signal(stop: Callable[[], None]) -> None:
    """From now on, call ``stop`` at SIGINT and SIGTERM, instead of ending the process."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop()

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
