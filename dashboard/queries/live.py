"""What the live page asks: who is where, who moved and why, since a moment of event time."""

from datetime import UTC, datetime, timedelta

import pandas as pd
from sqlalchemy import Connection, cast, func, literal, select
from sqlalchemy.dialects.postgresql import INTERVAL

from dashboard.queries.reading import AnySelect, frame, or_empty
from data.tables import customers, segment_changes

# Bars of whole weeks start on a Monday where the window has no beginning of its own.
A_MONDAY = datetime(2000, 1, 3, tzinfo=UTC)


def window_start(event_time: datetime | None, days: int | None) -> datetime | None:
    """Midnight (UTC) at which the last ``days`` event days begin, today among them; None for no bound."""
    if event_time is None or days is None:
        return None
    midnight = event_time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days - 1)


def segment_sizes(connection: Connection, due_by: datetime | None) -> pd.DataFrame:
    """Customers per segment and how many of them time alone moves by ``due_by``: segment, customers, due.

    The segment is empty for those who only ever returned goods.
    """
    c = customers.c
    segment = or_empty(c.segment)
    due = func.count().filter(c.next_change_at <= literal(due_by, c.next_change_at.type))
    query = select(segment, func.count().label("customers"), due.label("due")).group_by(segment)
    return frame(connection, query)


def flows(connection: Connection, since: datetime | None) -> pd.DataFrame:
    """Changes since a moment of event time: from_segment (empty on entry), to_segment, cause, changes."""
    c = segment_changes.c
    keys = (or_empty(c.from_segment), c.to_segment, c.cause)
    return frame(connection, _since(select(*keys, func.count().label("changes")).group_by(*keys), since))


def rhythm(connection: Connection, since: datetime | None, bin_days: int) -> pd.DataFrame:
    """Changes per bin of ``bin_days`` event days and cause, in order: at, cause, changes."""
    c = segment_changes.c
    width = cast(literal(f"{bin_days} days"), INTERVAL)
    at = func.date_bin(width, c.effective_at, since or A_MONDAY).label("at")
    query = select(at, c.cause, func.count().label("changes")).group_by(at, c.cause).order_by(at, c.cause)
    return frame(connection, _since(query, since))


def latest_changes(connection: Connection, limit: int) -> pd.DataFrame:
    """The newest changes in event time, the newest first, with what the customer looked like at that moment."""
    c = segment_changes.c
    columns = (c.effective_at, c.customer_id, c.sequence, or_empty(c.from_segment), c.to_segment, c.cause)
    rfm = (c.recency_days, c.frequency, c.monetary)
    newest_first = (c.effective_at.desc(), c.customer_id, c.sequence.desc())
    return frame(connection, select(*columns, *rfm).order_by(*newest_first).limit(limit))


def _since(query: AnySelect, since: datetime | None) -> AnySelect:
    return query if since is None else query.where(segment_changes.c.effective_at >= since)
