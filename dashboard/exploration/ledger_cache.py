"""The summary of the ledger's whole event days: closed months are read once per process.

A month that event time has passed changes only when a transaction arrives late, is revised, or is forgotten. These are
counted, so a changed count makes everything be read again, as does a stream that has begun again: it has fewer
transactions.
"""

from sqlalchemy import Connection

from dashboard.exploration import queries
from dashboard.exploration.queries import Ledger
from dashboard.shared.caching import ClosedPast, PastReading, per_database
from dashboard.shared.flows import midnight
from dashboard.shared.reading import StreamProgress

LedgerCache = ClosedPast[Ledger | None, Ledger]


def read(connection: Connection, progress: StreamProgress) -> Ledger | None:
    """The ledger of the event days before today; None where they have no transaction.

    ``progress`` must have an event time. Closed months come from the process's cache.
    """
    return per_database(connection.engine, new_cache).read(connection, progress)


def new_cache() -> LedgerCache:
    """An empty cache for one database."""
    return ClosedPast(_read, _is_valid)


def _is_valid(before: StreamProgress, now: StreamProgress) -> bool:
    changed = any(getattr(before, name) != getattr(now, name) for name in ("late", "revisions", "forgotten"))
    return before.transactions <= now.transactions and not changed


def _read(
    connection: Connection, progress: StreamProgress, closed: Ledger | None
) -> PastReading[Ledger | None, Ledger]:
    if progress.event_time is None:
        raise ValueError("the ledger is only read at an event time")
    today = midnight(progress.event_time)
    this_month = today.replace(day=1)
    if closed is None or closed.until < this_month:
        closed = queries.ledger(connection, this_month, closed) or closed
    whole = queries.ledger(connection, today, closed) if closed is None or closed.until < today else closed
    return PastReading(whole, closed)
