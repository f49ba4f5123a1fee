"""What a process keeps from one drawing of a page to the next; all its sessions share it.

There are five kinds of caches. :class:`ClosedPast` keeps what cannot change any more, so that only the newest rows are
read. :class:`KeyedAnswer` keeps an answer until what it depends on changes. :class:`KeptAnswers` keeps several, each
while it holds. :class:`RecentAnswer` keeps an answer for some seconds. :class:`RefreshedAnswer` shows the last answer
while the next one, which takes seconds, is made in the background. :func:`per_database` holds one cache for each
database.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock, Thread
from typing import Generic, NamedTuple, TypeVar

import streamlit as st
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from dashboard.shared.reading import StreamProgress

MAX_AGE = timedelta(seconds=15)
#: A page may wait for an answer that takes this long.
QUICK_SECONDS = 0.5
#: An answer is kept for this many times as long as it took.
REST = 20
#: After this many such rests without a reader, the last answer is too old to be shown.
LONG = 3
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


def has_same_past(before: StreamProgress, now: StreamProgress) -> bool:
    """Whether the orders before an event time are those that they were: none was late, revised or forgotten since.

    A stream that has begun again has fewer transactions or an earlier event time; both progresses must have one.
    """
    if before.watermark is None or now.watermark is None or before.watermark > now.watermark:
        return False
    changed = any(getattr(before, name) != getattr(now, name) for name in ("late", "revisions", "forgotten"))
    return before.transactions <= now.transactions and not changed


def is_closed(before: StreamProgress, now: StreamProgress, at: datetime) -> bool:
    """Whether what was read of a moment of event time at one progress still holds at another one."""
    # At the very moment that the stream has reached, more may still happen.
    has_passed = before.watermark is not None and at < before.watermark
    is_at_rest = (before.transactions, before.changes) == (now.transactions, now.changes)
    return has_same_past(before, now) and (has_passed or is_at_rest)


class KeyedAnswer(Generic[T]):
    """The last answer to a question, made again only if its key has changed: all that the answer depends on."""

    def __init__(self) -> None:
        self._last: tuple[Hashable, T] | None = None
        self._lock = Lock()

    def read(self, key: Hashable, make: Callable[[], T]) -> T:
        """The answer of a key. While one session makes it, the others wait for its result instead of making it, too."""
        with self._lock:
            if self._last is None or self._last[0] != key:
                self._last = (key, make())
            return self._last[1]


class KeptAnswers(Generic[T]):
    """The answers to the last questions, each made again only if it does not hold any more.

    Parameters
    ----------
    most
        How many answers are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[T, StreamProgress]] = OrderedDict()
        self._lock = Lock()

    def read(
        self, key: Hashable, now: StreamProgress, holds: Callable[[StreamProgress], bool], make: Callable[[], T]
    ) -> T:
        """The answer of a key. While one session makes one, the others wait for its result.

        Parameters
        ----------
        now
            The stream's progress, read on the connection on which ``make`` reads.
        holds
            Whether an answer that was made at an earlier progress holds now.
        """
        with self._lock:
            if key not in self._kept or not holds(self._kept[key][1]):
                self._kept[key] = (make(), now)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return self._kept[key][0]


class Answer(NamedTuple, Generic[T]):
    """An answer, and the stream's progress when it was read."""

    value: T
    progress: StreamProgress

    def is_current(self, now: StreamProgress) -> bool:
        """Whether the stream has not moved since."""
        return replace(self.progress, measured_at=now.measured_at) == now

    def is_recent(self, now: StreamProgress) -> bool:
        """Whether it may be shown: it is current, or younger than :data:`MAX_AGE` and :meth:`is_of_same_stream`."""
        return self.is_current(now) or (self.is_of_same_stream(now) and self._age(now) < MAX_AGE)

    def is_of_same_stream(self, now: StreamProgress) -> bool:
        """Whether the stream has only gone on since: it has not begun again, and no customer was forgotten."""
        before = self.progress
        if before.watermark is None or now.watermark is None or before.forgotten != now.forgotten:
            return False
        gone_on = before.transactions <= now.transactions and before.watermark <= now.watermark
        return gone_on and before.measured_at <= now.measured_at

    def is_younger(self, now: StreamProgress, seconds: float) -> bool:
        """Whether it was measured less than this many seconds ago."""
        return self._age(now) < timedelta(seconds=seconds)

    def _age(self, now: StreamProgress) -> timedelta:
        return now.measured_at - self.progress.measured_at


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


class RefreshedAnswer(Generic[T]):
    """The last answer to a question that may take seconds.

    The first answer is waited for. Later ones are, too, while they take less than :data:`QUICK_SECONDS`, or if nobody
    has asked for long; the others are made in the background, and the last answer is shown meanwhile. All of them
    together take at most a twentieth of the time.

    Parameters
    ----------
    clock
        Measures, in seconds, how long an answer takes.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._last: Answer[T] | None = None
        self._seconds = 0.0
        self._asking = Lock()

    def read(self, now: StreamProgress, ask: Callable[[], T], ask_alone: Callable[[], Answer[T]]) -> Answer[T]:
        """The answer to show.

        Parameters
        ----------
        ask
            Makes an answer as of ``now``.
        ask_alone
            Makes one in another thread, with a connection of its own. Errors of Postgres there change nothing.
        """
        last = self._usable(now)
        if last is None:
            with self._asking:
                # While one session waits for an answer, the others wait for the same one.
                return self._usable(now) or self._measured(lambda: Answer(ask(), now))
        if last.is_current(now) or last.is_younger(now, REST * self._seconds):
            return last
        if self._seconds < QUICK_SECONDS or not last.is_younger(now, LONG * REST * self._seconds):
            return self._measured(lambda: Answer(ask(), now))
        if self._asking.acquire(blocking=False):
            Thread(target=self._in_background, args=(ask_alone,), name="refresh", daemon=True).start()
        return last

    def _usable(self, now: StreamProgress) -> Answer[T] | None:
        last = self._last
        return last if last is not None and (last.is_current(now) or last.is_of_same_stream(now)) else None

    def _in_background(self, ask_alone: Callable[[], Answer[T]]) -> None:
        try:
            with suppress(SQLAlchemyError):
                self._measured(ask_alone)
        finally:
            self._asking.release()

    def _measured(self, ask: Callable[[], Answer[T]]) -> Answer[T]:
        began = self._clock()
        found = self._last = ask()
        self._seconds = self._clock() - began
        return found


def per_database(engine: Engine, make: Callable[[], T]) -> T:
    """What ``make`` returned when it was first called for this database; ``make`` is a function of a module."""
    kept: T = _kept(engine.url.render_as_string(hide_password=False), f"{make.__module__}.{make.__qualname__}", make)
    return kept


@st.cache_resource(show_spinner=False)
def _kept(database_url: str, name: str, _make: Callable[[], T]) -> T:
    return _make()
