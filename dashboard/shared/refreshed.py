"""Answers about all customers, which take seconds: made once for all sessions of a process, and in the background."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine

from dashboard.shared.caching import Answer, RefreshedAnswer
from dashboard.shared.page import Moment
from dashboard.shared.reading import patient, progress, reading

#: A million customers take seconds.
TIMEOUT_MS = 60_000
T = TypeVar("T")


def read(
    engine: Engine, moment: Moment, kept: RefreshedAnswer[T], make: Callable[[Connection, datetime], T]
) -> Answer[T]:
    """The answer as of the page's moment or, where it takes seconds to make, as of a somewhat earlier one.

    Parameters
    ----------
    kept
        The cache of this question.
    make
        Makes the answer at an event time.
    """

    def ask() -> T:
        with patient(moment.connection, TIMEOUT_MS):
            return make(moment.connection, moment.event_time)

    def ask_alone() -> Answer[T]:
        with reading(engine, TIMEOUT_MS) as connection:
            now = progress(connection)
            # The stream had a watermark already.
            return Answer(make(connection, now.watermark or moment.event_time), now)

    return kept.read(moment.progress, ask, ask_alone)
