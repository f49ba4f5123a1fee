"""Revenue by event day and segment: that in which the customer was just before the order.

An order is credited to the segment that led to it, never to the one that it leads to: a first purchase to new
customers, and a purchase of somebody who was At Risk to At Risk. Just before is the last change that was effective
before the order's own moment, as it was published. A return counts in the same way, against the segment in which the
customer was when it came. So the sums over segments are those of the ledger.

Days that event time has passed are read once per process, as the history of changes is.
"""

from datetime import datetime
from typing import NamedTuple

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Join, func, literal_column, select, true

from dashboard.shared import history
from dashboard.shared.caching import ClosedPast, PastReading, has_same_past, per_database
from dashboard.shared.flows import between, midnight
from dashboard.shared.reading import FIRST_READING_MS, StreamProgress, event_day, patient
from data.postgres.frames import frame, money_units
from data.postgres.tables import segment_changes, transactions

# Explicit, so that a ledger without a row has the same types as any other.
TYPES = {"segment": "str", "orders": "int64", "revenue_units": "int64", "returned_units": "int64"}


class ClosedRevenue(NamedTuple):
    """The days before a midnight (UTC), and how many changes the history had in them when they were read."""

    until: datetime
    days: pd.DataFrame
    changes: int


RevenueCache = ClosedPast[pd.DataFrame, ClosedRevenue]


def read(connection: Connection, progress: StreamProgress) -> pd.DataFrame:
    """Revenue up to this moment, with the columns of :func:`daily`; closed days come from the process's cache."""
    return per_database(connection.engine, new_cache).read(connection, progress)


def until(connection: Connection, progress: StreamProgress, at: datetime | None) -> pd.DataFrame:
    """Revenue up to a past midnight (UTC), with the orders of exactly then; None for all of it."""
    days = read(connection, progress)
    if at is None:
        return days
    return pd.concat([between(days, None, at), daily(connection, at, at)], ignore_index=True)


def new_cache() -> RevenueCache:
    """An empty cache for one database."""
    return ClosedPast(_read, has_same_past)


def daily(connection: Connection, since: datetime | None, until: datetime | None = None) -> pd.DataFrame:
    """Orders and money per event day (UTC) and segment just before ("" for none), from midnight ``since`` on.

    Columns day, segment, orders, revenue_units and returned_units (ten-thousandths). Cancelled orders are left out, and
    so are those after ``until``.
    """
    t = transactions.c
    before = _stay_before() if since is None else _change_before()
    sale = t.kind == "sale"
    day, segment = event_day(t.occurred_at).label("day"), func.coalesce(before.segment, literal_column("''"))
    query = (
        select(
            day,
            segment.label("segment"),
            func.count().filter(sale).label("orders"),
            money_units(func.coalesce(func.sum(t.amount).filter(sale), 0)).label("revenue_units"),
            money_units(func.coalesce(func.sum(t.amount).filter(~sale), 0)).label("returned_units"),
        )
        .select_from(before.joined)
        .where(t.kind != "cancelled")
        .group_by(day, segment)
    )
    if since is not None:
        query = query.where(t.occurred_at >= since)
    if until is not None:
        query = query.where(t.occurred_at <= until)
    days = frame(connection, query)
    typed = days.assign(day=pd.to_datetime(days["day"], utc=True)).astype(TYPES)
    return typed.sort_values(["day", "segment"], ignore_index=True)


def _read(
    connection: Connection, progress: StreamProgress, closed: ClosedRevenue | None
) -> PastReading[pd.DataFrame, ClosedRevenue]:
    moves = history.read(connection, progress)
    with patient(connection, FIRST_READING_MS):
        # While customers are rescored, closed days get changes.
        if closed is None or _changes_before(moves, closed.until) != closed.changes:
            days = daily(connection, None)
        else:
            days = pd.concat([closed.days, daily(connection, closed.until)], ignore_index=True)
    if progress.watermark is None:
        return PastReading(days, None)
    today = midnight(progress.watermark)
    return PastReading(days, ClosedRevenue(today, between(days, None, today), _changes_before(moves, today)))


class _Before(NamedTuple):
    """The ledger joined with the segment before each order."""

    joined: Join
    segment: ColumnElement[str]


def _change_before() -> _Before:
    """By a look-up of the last change before each order: quick for the orders of some days."""
    t, s = transactions.c, segment_changes.c
    before = select(s.to_segment).where(s.customer_id == t.customer_id, s.effective_at < t.occurred_at)
    last = before.order_by(s.sequence.desc()).limit(1).lateral()
    return _Before(transactions.outerjoin(last, true()), last.c.to_segment)


def _stay_before() -> _Before:
    """By all stays in segments: one pass over the changes, quicker than a look-up for every order there is."""
    t, s = transactions.c, segment_changes.c
    until = func.lead(s.effective_at).over(partition_by=s.customer_id, order_by=s.sequence)
    stays = select(s.customer_id, s.to_segment, s.effective_at.label("since"), until.label("until")).subquery()
    is_in = (stays.c.since < t.occurred_at) & func.coalesce(stays.c.until >= t.occurred_at, true())
    return _Before(transactions.outerjoin(stays, (stays.c.customer_id == t.customer_id) & is_in), stays.c.to_segment)


def _changes_before(moves: pd.DataFrame, until: datetime) -> int:
    return int(between(moves, None, until)["changes"].sum())
