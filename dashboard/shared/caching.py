"""What a process keeps from one drawing of a page to the next; all its sessions share it.

There are two kinds of caches. :class:`ClosedPast` keeps what cannot change any more, so that only the newest rows are
read. :class:`RecentAnswer` keeps an answer for some seconds. :func:`per_database` holds one cache for each database.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.shared.reading import StreamProgress

MAX_AGE = timedelta(seconds=15)
T = TypeVar("T")
Closed = TypeVar("Closed")


class PastReading(NamedTuple, Generic[T, Closed]):
    """An answer up to the present, and its part that cannot change any more (None where there is no such part)."""

    answer: T
    closed: Closed | None


class ClosedPast(Generic[T, Closed]):
    """An answer about the whole past of one database: its closed part is read once, then only the open part.

    Parameters
    ----------
    read
        Reads the answer at the stream's progress, beginning with a closed part (None: from the first row on).
    is_valid
        Whether a closed part that was read at one progress still holds at a later one.
    """

    def __init__(
        self,
        read: Callable[[Connection, StreamProgress, Closed | None], PastReading[T, Closed]],
        is_valid: Callable[[StreamProgress, StreamProgress], bool],
    ) -> None:
        self._read = read
        self._is_valid = is_valid
        self._kept: tuple[Closed, StreamProgress] | None = None
        self._lock = Lock()

    def read(self, connection: Connection, progress: StreamProgress) -> T:
        """The answer at this moment; ``progress`` must have been read on the same connection.

        While one session reads everything, the others wait for its result instead of reading the same rows.
        """
        closed = self._valid_part(progress)
        if closed is not None:
            return self._read_on(connection, progress, closed)
        with self._lock:
            return self._read_on(connection, progress, self._valid_part(progress))

    def _valid_part(self, progress: StreamProgress) -> Closed | None:
        if self._kept is None:
            return None
        closed, read_at = self._kept
        return closed if self._is_valid(read_at, progress) else None

    def _read_on(self, connection: Connection, progress: StreamProgress, closed: Closed | None) -> T:
        found = self._read(connection, progress, closed)
        # Replaced as a whole, so that no session sees half of it.
        self._kept = None if found.closed is None else (found.closed, progress)
        return found.answer


class Answer(NamedTuple, Generic[T]):
    """An answer, and the stream's progress when it was read."""

    value: T
    progress: StreamProgress

    def is_current(self, now: StreamProgress) -> bool:
        """Whether the stream has not moved since."""
        return replace(self.progress, measured_at=now.measured_at) == now

    def is_recent(self, now: StreamProgress) -> bool:
        """Whether it may be shown: it is current, or younger than :data:`MAX_AGE` and of the same stream."""
        before = self.progress
        if self.is_current(now):
            return True
        if before.event_time is None or now.event_time is None:
            return False
        same_stream = before.transactions <= now.transactions and before.event_time <= now.event_time
        return same_stream and timedelta() <= now.measured_at - before.measured_at < MAX_AGE


class RecentAnswer(Generic[T]):
    """The last answer to a question that costs too much to ask at every click."""

    def __init__(self) -> None:
        self._last: Answer[T] | None = None

    def read(self, now: StreamProgress, ask: Callable[[], T]) -> Answer[T]:
        """The last answer while it is recent, otherwise a new one."""
        last = self._last
        if last is None or not last.is_recent(now):
            last = self._last = Answer(ask(), now)
        return last


def per_database(engine: Engine, make: Callable[[], T]) -> T:
    """What ``make`` returned when it was first called for this database; ``make`` is a function of a module."""
    kept: T = _kept(engine.url.render_as_string(hide_password=False), f"{make.__module__}.{make.__qualname__}", make)
    return kept


@st.cache_resource(show_spinner=False)
def _kept(database_url: str, name: str, _make: Callable[[], T]) -> T:
    return _make()
