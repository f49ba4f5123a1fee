"""The summary of the ledger's whole event days: closed months are read once per process, and the open one once a day.

A day that event time has passed changes only when a transaction arrives late, is revised, or is forgotten. These are
counted, so a changed count makes everything be read again, as does a stream that has begun again: it has fewer
transactions or an earlier event time.
"""

from typing import NamedTuple

from sqlalchemy import Connection

from dashboard.exploration import queries
from dashboard.exploration.queries import Ledger
from dashboard.shared.caching import ClosedPast, PastReading, has_same_past, per_database
from dashboard.shared.flows import midnight
from dashboard.shared.reading import FIRST_READING_MS, StreamProgress, patient


class ClosedLedger(NamedTuple):
    """The ledger before the start of a month, and before a midnight of event time in that month."""

    months: Ledger
    days: Ledger


LedgerCache = ClosedPast[Ledger | None, ClosedLedger]


def read(connection: Connection, progress: StreamProgress) -> Ledger | None:
    """The ledger of the event days before today; None where they have no transaction.

    ``progress`` must have an event time. Closed months come from the process's cache.
    """
    return per_database(connection.engine, new_cache).read(connection, progress)


def new_cache() -> LedgerCache:
    """An empty cache for one database."""
    return ClosedPast(_read, has_same_past)


def _read(
    connection: Connection, progress: StreamProgress, closed: ClosedLedger | None
) -> PastReading[Ledger | None, ClosedLedger]:
    if progress.watermark is None:
        raise ValueError("the ledger is only read at an event time")
    today = midnight(progress.watermark)
    if closed is not None and closed.days.until == today:
        return PastReading(closed.days, closed)
    months = closed and closed.months
    this_month = today.replace(day=1)
    with patient(connection, FIRST_READING_MS):
        if months is None or months.until < this_month:
            months = queries.ledger(connection, this_month, months) or months
        days = queries.ledger(connection, today, months) if months is None or months.until < today else months
    return PastReading(days, None if months is None or days is None else ClosedLedger(months, days))
