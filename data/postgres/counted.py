"""Customers with the frequency and the money that a model counts: of their whole life, or of its trailing window.

The table of customers has the totals of everything. Under a model with a window, Postgres adds up the ledger: what is
in the window at the later of event time and the customer's own last event, at which recency counts, too.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Interval, Select, cast, func, literal, select

from data.postgres.ledger_totals import ledger_totals
from data.postgres.tables import customers, stream_progress, transactions

#: The columns of customers that a window restricts.
COUNTED = ("frequency", "gross", "returned")
_HOURS_A_DAY = 24
_c, _t, _p = customers.c, transactions.c, stream_progress.c


class Counted(NamedTuple):
    """What a model counts of one customer: sales, and money of sales and of returns in currency units."""

    frequency: int
    gross: Decimal
    returned: Decimal


def counted_customers(window_days: int | None, event_time: datetime | None) -> FromClause:
    """The table of customers, with :data:`COUNTED` as a model with such a window counts them.

    A query must use one result of this function throughout. Without a window it is the table itself.

    Parameters
    ----------
    event_time
        None for the watermark of each customer's own partition.
    """
    if window_days is None:
        return customers
    inside = totals_in_window(window_days, event_time).subquery("in_window")
    columns = [
        func.coalesce(inside.c[column.name], 0).label(column.name) if column.name in COUNTED else column
        for column in _c
    ]
    joined = customers.outerjoin(inside, inside.c.customer_id == _c.customer_id)
    return select(*columns).select_from(joined).subquery("counted")


def totals_in_window(window_days: int, event_time: datetime | None) -> Select[Any]:
    """``customer_id`` and :data:`COUNTED` of every customer with anything in the window."""
    owned = transactions.join(customers, customers.c.customer_id == _t.customer_id)
    if event_time is None:
        owned = owned.outerjoin(stream_progress, _p.partition == _c.partition)
        as_of: ColumnElement[Any] = func.greatest(_c.last_event_at, _p.event_time)
    else:
        as_of = func.greatest(_c.last_event_at, literal(event_time, _c.last_event_at.type))
    totals = (total.label(name) for name, total in zip(COUNTED, ledger_totals(), strict=True))
    query = (
        select(_t.customer_id, *totals)
        .select_from(owned)
        .where(_t.occurred_at > begins(as_of, window_days))
        .group_by(_t.customer_id)
    )
    # The same for all customers, so that the index on event time leaves out the ledger before it.
    if event_time is not None:
        query = query.where(_t.occurred_at > begins(literal(event_time, _c.last_event_at.type), window_days))
    return query


def begins(as_of: ColumnElement[Any], window_days: int) -> ColumnElement[datetime]:
    """When the window of a moment begins; what happened exactly then is no longer in it.

    In hours, because a day of Postgres is a day of the calendar, and the session's time zone may have summer time.
    """
    found: ColumnElement[datetime] = as_of - cast(literal(f"{_HOURS_A_DAY * window_days} hours"), Interval)
    return found
