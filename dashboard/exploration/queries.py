"""The data page's queries: the ledger, added up by month, country, basket value and cohort.

Only whole event days count. Sums of months can be added, so :mod:`dashboard.exploration.ledger_cache` keeps those
of closed months, and a page reads only the open month.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    DateTime,
    Double,
    Integer,
    and_,
    cast,
    func,
    literal,
    select,
)

from data.postgres.counted import counted_customers
from data.postgres.frames import frame
from data.postgres.rfm import monetary, recency_days
from data.postgres.tables import customers, transactions
from models.segment_model import SegmentModel

#: Lower bounds of the bars of basket values, six per factor of ten; lower values have a bar of their own.
BASKETS = [float(step * size) for size in (1, 10, 100, 1_000) for step in (1, 1.5, 2, 3, 5, 7)] + [10_000.0]
#: The same for customers: days since the last purchase, number of purchases, amount spent.
RECENCY = [float(days) for days in range(30, 721, 30)]
FREQUENCY = [float(number) for number in (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100)]
MONETARY = [float(step * size) for size in (10, 100, 1_000, 10_000) for step in (1, 2, 5)] + [100_000.0]
#: The number of months that cohorts are followed for: they fit into the bits of one number.
COHORTS = 60
_c, _t = customers.c, transactions.c


@dataclass(frozen=True)
class Ledger:
    """The ledger before a midnight of event time, added up.

    Parameters
    ----------
    months
        The starts of its months.
    buyers
        Customers with at least one purchase.
    revenue
        Columns month, country, sales, returns (numbers of invoices and credit notes), sold, returned.
    baskets
        Columns lower (0 for less than the first of :data:`BASKETS`), sales, sold.
    cohort_months
        The last :data:`COHORTS` of the months.
    cohorts
        Columns cohort (month of the first purchase), month, customers: how many of the cohort bought in the month.
    """

    until: datetime
    months: list[datetime]
    buyers: int
    revenue: pd.DataFrame
    baskets: pd.DataFrame
    cohort_months: list[datetime]
    cohorts: pd.DataFrame


def ledger(connection: Connection, until: datetime, known: Ledger | None = None) -> Ledger | None:
    """The ledger of the event days before a midnight; None if they have no transaction.

    ``known`` is the ledger before the start of a month, which is not read again.
    """
    first = connection.scalar(select(func.min(_t.occurred_at))) if known is None else known.months[0]
    if first is None or first >= until:
        return None
    months = month_starts(first, until)
    since, followed = months[0] if known is None else known.until, months[-COHORTS:]
    sums, spread = revenue(connection, months, since, until), baskets(connection, since, until)
    buyers = connection.execute(select(func.count()).where(_c.first_purchase_at < until)).scalar_one()
    bought = cohorts(connection, followed, since, until)
    if known is not None:
        sums = pd.concat([known.revenue, sums], ignore_index=True)
        spread = pd.concat([known.baskets, spread]).groupby("lower", as_index=False).sum()
        bought = pd.concat([known.cohorts, bought], ignore_index=True)
    bought = bought[(bought["cohort"] >= followed[0]) & (bought["month"] >= followed[0])]
    return Ledger(until, months, buyers, sums, spread, followed, bought)


def month_starts(first: datetime, until: datetime) -> list[datetime]:
    """The starts (UTC) of the months from that of ``first`` on that begin before ``until``."""
    first = first.astimezone(UTC)
    numbers = range(first.year * 12 + first.month - 1, until.year * 12 + until.month)
    starts = [datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC) for number in numbers]
    return [start for start in starts if start < until]


def revenue(connection: Connection, months: list[datetime], since: datetime, until: datetime) -> pd.DataFrame:
    """Sales and returns by month and country, in one scan of the ledger."""
    number = _month(_t.occurred_at, months)
    sale, back = _t.kind == "sale", _t.kind == "return"
    count = func.count().filter(sale).label("sales"), func.count().filter(back).label("returns")
    money = func.coalesce(func.sum(_t.amount).filter(sale), 0), func.coalesce(func.sum(_t.amount).filter(back), 0)
    query = select(number, _t.country, *count, money[0].label("sold"), money[1].label("returned"))
    rows = frame(connection, query.where(_between(since, until)).group_by(number, _t.country))
    floats = {name: rows[name].astype("float64") for name in ("sold", "returned")}
    return _with_months(rows, months, "month").assign(**floats)


def baskets(connection: Connection, since: datetime, until: datetime) -> pd.DataFrame:
    """Sales by their value, in the bars of :data:`BASKETS`: lower, sales, sold."""
    amount = cast(_t.amount, Double)
    query = select(_bin(amount, BASKETS), func.count().label("sales"), func.sum(amount).label("sold"))
    rows = frame(connection, query.where(_t.kind == "sale", _between(since, until)).group_by("bin").order_by("bin"))
    return _with_lower(rows, BASKETS)


def cohorts(connection: Connection, months: list[datetime], since: datetime, until: datetime) -> pd.DataFrame:
    """For each cohort of ``months``, how many of its customers bought in each month from ``since`` on.

    A customer's months are the bits of one number: three times as fast as a row per month.
    """
    bit = cast(1, BigInteger).op("<<")(_month(_t.occurred_at, months) - 1)
    bought = (
        select(_t.customer_id, func.bit_or(bit).label("bits"))
        .where(_t.kind == "sale", _between(max(since, months[0]), until))
        .group_by(_t.customer_id)
        .subquery()
    )
    counts = [func.sum(bought.c.bits.op(">>")(place).op("&")(1)).label(str(place)) for place in range(len(months))]
    query = select(_month(_c.first_purchase_at, months).label("cohort"), *counts)
    query = query.join_from(bought, customers, bought.c.customer_id == _c.customer_id)
    rows = frame(connection, query.where(_c.first_purchase_at >= months[0]).group_by("cohort"))
    long = rows.melt("cohort", var_name="month", value_name="customers").astype("int64")
    long = long[long["customers"] > 0].assign(month=lambda each: each["month"] + 1)
    return _with_months(_with_months(long, months, "cohort"), months, "month")


def distributions(connection: Connection, model: SegmentModel, event_time: datetime) -> pd.DataFrame:
    """Customers with a purchase by R, F and M, in bars: measure, lower, customers."""
    people = counted_customers(model.window_days, event_time)
    c = people.c
    measures = {
        "recency": (cast(recency_days(event_time, people), Double), RECENCY),
        "frequency": (cast(c.frequency, Double), FREQUENCY),
        "monetary": (cast(monetary(model, people), Double), MONETARY),
    }
    parts = []
    # Customers who have bought, but not in the window, count.
    bought = c.frequency > 0 if model.window_days is None else c.last_purchase_at.is_not(None)
    for name, (measure, edges) in measures.items():
        query = select(_bin(measure, edges), func.count().label("customers")).where(bought)
        rows = frame(connection, query.group_by("bin").order_by("bin"))
        parts.append(_with_lower(rows, edges).assign(measure=name))
    return pd.concat(parts, ignore_index=True)


def _between(since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(_t.occurred_at >= since, _t.occurred_at < until)


def _month(moment: ColumnElement[datetime], months: list[datetime]) -> ColumnElement[int]:
    # The binary search of width_bucket is several times as fast as date_trunc.
    return func.width_bucket(moment, literal(months, ARRAY(DateTime(timezone=True))), type_=Integer).label("month")


def _bin(number: ColumnElement[float], edges: list[float]) -> ColumnElement[int]:
    return func.width_bucket(number, literal(edges, ARRAY(Double)), type_=Integer).label("bin")


def _with_months(rows: pd.DataFrame, months: list[datetime], column: str) -> pd.DataFrame:
    """The rows with the month's start in place of its number, which counts from 1."""
    starts = pd.DatetimeIndex(pd.to_datetime(months, utc=True))
    return rows.assign(**{column: starts[rows[column].to_numpy(dtype="int64") - 1]}).sort_values(column)


def _with_lower(rows: pd.DataFrame, edges: list[float]) -> pd.DataFrame:
    lower = [0.0, *edges]
    return rows.assign(lower=[lower[number] for number in rows["bin"]]).drop(columns="bin")
