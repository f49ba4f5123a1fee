"""What the segment explorer asks: how segments differ in R, F and M, and who is in them.

R is as of event time (see :mod:`dashboard.shared.rfm`). Customers who never bought have no segment and are left out.
Every answer but the page of customers is an aggregate or a sample: one scan of the profiles each, without an index.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Float, Integer, cast, func, select

from dashboard.shared.identifiers import begins_with
from dashboard.shared.rfm import monetary, recency_days
from data.postgres.frames import AnySelect, frame
from data.postgres.tables import customers
from models.segment_model import SegmentModel

MOST_COUNTRIES = 300
LN_10 = math.log(10)
SORTS = ("monetary", "frequency", "recency", "next_change_at", "segment_since", "customer_id", "country")


@dataclass(frozen=True)
class Among:
    """Whose profiles: those in some segments, with R and M as the model sees them at event time."""

    model: SegmentModel
    event_time: datetime
    segments: Sequence[str]

    @property
    def rfm(self) -> dict[str, ColumnElement[Any]]:
        """Expressions for R, F and M by name."""
        return {
            "recency": recency_days(self.event_time).label("recency"),
            "frequency": customers.c.frequency.label("frequency"),
            "monetary": monetary(self.model).label("monetary"),
        }


class Sort(NamedTuple):
    """An order of customers; equal ones are in the order of their ids."""

    key: str
    descending: bool


class Search(NamedTuple):
    """Which customers: those whose id begins with ``prefix``, from ``country``; both may be empty for all."""

    prefix: str = ""
    country: str = ""


def counts(connection: Connection, among: Among, name: str) -> pd.DataFrame:
    """Customers per segment and value of ``recency`` or ``frequency``: segment, value, customers.

    Both are whole numbers with few distinct values, so this holds their mean, their median and their histogram.
    """
    rfm = _profiles(among, name).subquery().c
    keys = (rfm.segment, rfm[name].label("value"))
    return frame(connection, select(*keys, func.count().label("customers")).group_by(*keys))


def money_bins(connection: Connection, among: Among, per_decade: int) -> pd.DataFrame:
    """Customers per segment and bin of monetary value: segment, bin, customers.

    Bin n holds the values whose ``log10(1 + value) * per_decade`` has n as its whole part.
    """
    rfm = _profiles(among, "monetary").subquery().c
    number = cast(func.floor(func.ln(1 + cast(rfm.monetary, Float)) / LN_10 * per_decade), Integer)
    keys = (rfm.segment, number.label("bin"))
    return frame(connection, select(*keys, func.count().label("customers")).group_by(*keys))


def money(connection: Connection, among: Among) -> pd.DataFrame:
    """Per segment: customers, and of monetary value the total, mean and median."""
    rfm = _profiles(among, "monetary").subquery().c
    worth = cast(rfm.monetary, Float)
    total = func.sum(rfm.monetary).label("total")
    middle = (func.avg(worth).label("mean"), func.percentile_cont(0.5).within_group(worth).label("median"))
    return frame(connection, select(rfm.segment, func.count().label("customers"), total, *middle).group_by(rfm.segment))


def means(connection: Connection, among: Among) -> pd.DataFrame:
    """Per segment: customers, and the means of recency, frequency and monetary."""
    rfm = _profiles(among).subquery().c
    averages = [func.avg(cast(rfm[name], Float)).label(name) for name in among.rfm]
    return frame(connection, select(rfm.segment, func.count().label("customers"), *averages).group_by(rfm.segment))


def sample(connection: Connection, among: Among, size: int) -> pd.DataFrame:
    """At most ``size`` customers, always the same ones: customer_id, segment, recency, frequency, monetary.

    They are those whose hashed id comes first, so that the choice has nothing to do with what they buy.
    """
    c = customers.c
    query = _profiles(among).add_columns(c.customer_id).order_by(func.md5(c.customer_id), c.customer_id).limit(size)
    return frame(connection, query)


def countries(connection: Connection) -> list[str]:
    """All countries, by name."""
    c = customers.c
    return list(connection.execute(select(c.country).distinct().order_by(c.country).limit(MOST_COUNTRIES)).scalars())


def count(connection: Connection, among: Among, search: Search) -> int:
    """How many customers a search finds."""
    found = _where(select(func.count()).select_from(customers), among, search)
    return int(connection.execute(found).scalar_one())


def page(connection: Connection, among: Among, search: Search, sort: Sort, size: int, number: int = 0) -> pd.DataFrame:
    """The ``number``-th page of ``size`` customers that a search finds, in an order."""
    c = customers.c
    columns = (c.customer_id, c.country, c.segment, c.segment_since, *among.rfm.values())
    ahead = (c.last_purchase_at, c.next_change_at, c.next_segment)
    query = _where(select(*columns, *ahead), among, search)
    return frame(connection, query.order_by(*_order(among, sort)).limit(size).offset(number * size))


def _order(among: Among, sort: Sort) -> tuple[ColumnElement[Any], ...]:
    key = among.rfm[sort.key] if sort.key in among.rfm else customers.c[sort.key]
    ordered = key.desc().nulls_last() if sort.descending else key.asc().nulls_last()
    return ordered, customers.c.customer_id


def _profiles(among: Among, *names: str) -> AnySelect:
    c = customers.c
    chosen = [expression for name, expression in among.rfm.items() if not names or name in names]
    return select(c.segment, *chosen).where(c.segment.in_(among.segments))


def _where(query: AnySelect, among: Among, search: Search) -> AnySelect:
    c = customers.c
    query = query.where(c.segment.in_(among.segments))
    if search.prefix:
        query = query.where(begins_with(c.customer_id, search.prefix))
    return query.where(c.country == search.country) if search.country else query
