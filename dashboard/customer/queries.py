"""The customer page's queries: one customer's ledger and changes by primary key, and similar customers.

Only :func:`neighbours` reads other customers, in one scan of the profiles without an index: distances in the model's
space are sums over three columns, and R changes with event time.
"""

from datetime import datetime
from typing import NamedTuple

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Float, cast, func, literal, select

from dashboard.shared.identifiers import begins_with
from dashboard.shared.reading import or_empty
from data.postgres.counted import counted_customers
from data.postgres.frames import frame
from data.postgres.rfm import monetary, recency_days
from data.postgres.tables import customers, risk_changes, segment_changes, transactions
from models.segment_model import SegmentModel

MOST_ROWS = 3_000
#: Regular customers are due and on rhythm again many times; the last times say it all.
MOST_RISK_ROWS = 12


class RfmPoint(NamedTuple):
    """R, F and M as the model sees them, in days, purchases and units of the currency."""

    recency_days: int
    frequency: int
    monetary: float


def ledger(connection: Connection, customer_id: str, until: datetime | None = None) -> pd.DataFrame:
    """The customer's newest transactions, the oldest first: transaction_id, occurred_at, kind, amount, country.

    Cancelled orders are left out, and so are those after ``until``.
    """
    t = transactions.c
    columns = (t.transaction_id, t.occurred_at, t.kind, t.amount, t.country)
    newest = select(*columns).where(t.customer_id == customer_id, t.kind != "cancelled")
    if until is not None:
        newest = newest.where(t.occurred_at <= until)
    query = newest.order_by(t.occurred_at.desc(), t.transaction_id.desc()).limit(MOST_ROWS)
    return frame(connection, query).iloc[::-1].reset_index(drop=True)


def changes(connection: Connection, customer_id: str, until: datetime | None = None) -> pd.DataFrame:
    """The customer's newest segment changes, the oldest first, without those that were effective after ``until``.

    Columns: sequence, from_segment and transaction_id (empty where there is none), to_segment, cause, effective_at,
    recency_days, frequency, monetary.
    """
    c = segment_changes.c
    moved = (c.sequence, or_empty(c.from_segment), c.to_segment, c.cause, c.effective_at, or_empty(c.transaction_id))
    newest = (
        select(*moved, c.recency_days, c.frequency, c.monetary)
        .where(c.customer_id == customer_id)
        .order_by(c.sequence.desc())
        .limit(MOST_ROWS)
    )
    if until is not None:
        newest = newest.where(c.effective_at <= until)
    return frame(connection, newest).iloc[::-1].reset_index(drop=True)


def risks(
    connection: Connection, customer_id: str, until: datetime | None = None, limit: int = MOST_RISK_ROWS
) -> pd.DataFrame:
    """The customer's newest changes of risk state, the newest first, without those that were effective after ``until``.

    Columns: sequence, from_state, to_state and transaction_id (empty where there is none), cause, effective_at, and
    kept, which says in every row how many such changes are stored.
    """
    c = risk_changes.c
    states = (or_empty(c.from_state), or_empty(c.to_state))
    newest = (
        select(
            c.sequence, *states, c.cause, c.effective_at, or_empty(c.transaction_id), func.count().over().label("kept")
        )
        .where(c.customer_id == customer_id)
        .order_by(c.sequence.desc())
        .limit(limit)
    )
    if until is not None:
        newest = newest.where(c.effective_at <= until)
    return frame(connection, newest)


def suggestions(connection: Connection, typed: str, limit: int) -> list[str]:
    """Ids that begin with ``typed`` or, if there are none, with the longest beginning of it that any id has."""
    c = customers.c.customer_id
    for length in range(len(typed), -1, -1):
        prefix = typed[:length]
        query = select(c).where(begins_with(c, prefix)).order_by(c).limit(limit)
        found = list(connection.execute(query).scalars())
        if found:
            return found
    return []


def moved_last(connection: Connection, limit: int, until: datetime | None = None) -> list[str]:
    """The customers of the newest changes in event time (up to ``until``), each once."""
    c = segment_changes.c
    newest = select(c.customer_id).order_by(c.effective_at.desc(), c.customer_id).limit(4 * limit)
    if until is not None:
        newest = newest.where(c.effective_at <= until)
    return [*dict.fromkeys(connection.execute(newest).scalars())][:limit]


def neighbours(
    connection: Connection, model: SegmentModel, event_time: datetime, customer_id: str, point: RfmPoint, limit: int
) -> pd.DataFrame:
    """The customers nearest to a point in the model's standardised space, the nearest first, without ``customer_id``.

    Columns: customer_id, segment, country, recency, frequency, monetary, distance.
    """
    people = counted_customers(model.window_days, event_time)
    c = people.c
    rfm = (recency_days(event_time, people).label("recency"), c.frequency, monetary(model, people).label("monetary"))
    squares = (_square(model, feature, column, point[feature]) for feature, column in enumerate(rfm))
    distance = func.sqrt(sum(squares, start=cast(0.0, Float))).label("distance")
    query = select(c.customer_id, c.segment, c.country, *rfm, distance)
    others = query.where(c.segment.is_not(None), c.customer_id != customer_id)
    return frame(connection, others.order_by(distance, c.customer_id).limit(limit))


def _square(model: SegmentModel, feature: int, column: ColumnElement[object], value: float) -> ColumnElement[float]:
    """The squared difference in one standardised feature; means cancel."""
    here: ColumnElement[float] = cast(value, Float)
    there: ColumnElement[float] = cast(column, Float)
    if feature == 0:
        unit = literal(model.recency_unit, Float)
        here, there = here.op("/")(unit), there.op("/")(unit)
    if model.transform == "log1p":
        here, there = func.ln(1 + here), func.ln(1 + there)
    return func.power((there - here) / cast(model.scales[feature], Float), 2)
