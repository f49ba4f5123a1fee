"""An answer that is too dear to ask for at every touch of a page, and may be some seconds old while the stream runs."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Generic, NamedTuple, TypeVar

from dashboard.shared.reading import StreamProgress

HOLDS = timedelta(seconds=15)
T = TypeVar("T")


class Answer(NamedTuple, Generic[T]):
    """What was answered, and where the stream stood then."""

    value: T
    progress: StreamProgress

    def stands(self, now: StreamProgress) -> bool:
        """Whether the stream has not moved since."""
        return replace(self.progress, measured_at=now.measured_at) == now

    def holds(self, now: StreamProgress) -> bool:
        """Whether it may be shown: the stream has not moved, or only for some seconds, and not back to a beginning."""
        before = self.progress
        if self.stands(now):
            return True
        if before.event_time is None or now.event_time is None:
            return False
        onwards = before.transactions <= now.transactions and before.event_time <= now.event_time
        return onwards and timedelta() <= now.measured_at - before.measured_at < HOLDS


class Recent(Generic[T]):
    """The last answer to one question; shared by all sessions of a process."""

    def __init__(self) -> None:
        self._last: Answer[T] | None = None

    def read(self, now: StreamProgress, ask: Callable[[], T]) -> Answer[T]:
        """The last answer as long as it holds, otherwise a new one."""
        known = self._last
        if known is None or not known.holds(now):
            known = self._last = Answer(ask(), now)
        return known
