"""The segments page's queries: how segments differ in R, F and M, and which customers are in them.

Every answer but the page of customers is an aggregate or a sample: one scan of the profiles each, without an index.
"""

import math
from typing import Any, NamedTuple

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Float, FromClause, Integer, cast, func, select

from dashboard.shared.identifiers import begins_with
from dashboard.shared.profiles import SegmentPopulation, select_rfm
from data.postgres.frames import AnySelect, frame
from data.postgres.rfm import net_spend
from data.postgres.tables import customers

LN_10 = math.log(10)
SORTS = ("monetary", "frequency", "recency", "next_change_at", "segment_since", "customer_id", "country")


class Sort(NamedTuple):
    """An order of customers; equal ones are sorted by id."""

    key: str
    descending: bool


class CustomerSearch(NamedTuple):
    """Customers whose id begins with ``prefix`` and who are from ``country``; an empty field does not restrict them."""

    prefix: str = ""
    country: str = ""


def counts(connection: Connection, population: SegmentPopulation, name: str) -> pd.DataFrame:
    """Customers per segment and value of ``recency`` or ``frequency``: segment, value, customers.

    Both are whole numbers with few distinct values, so their mean, median and histogram follow from the counts.
    """
    rfm = select_rfm(population, name).subquery().c
    keys = (rfm.segment, rfm[name].label("value"))
    return frame(connection, select(*keys, func.count().label("customers")).group_by(*keys))


def money_bins(connection: Connection, population: SegmentPopulation, per_decade: int) -> pd.DataFrame:
    """Customers per segment and bin of monetary value: segment, bin, customers.

    Bin n holds the values whose ``log10(1 + value) * per_decade`` has n as its whole part.
    """
    rfm = select_rfm(population, "monetary").subquery().c
    number = cast(func.floor(func.ln(1 + cast(rfm.monetary, Float)) / LN_10 * per_decade), Integer)
    keys = (rfm.segment, number.label("bin"))
    return frame(connection, select(*keys, func.count().label("customers")).group_by(*keys))


def money(connection: Connection, population: SegmentPopulation) -> pd.DataFrame:
    """Per segment: customers, total, mean and median of monetary value, and ``net``: purchases minus all returns."""
    c = population.people.c
    rfm = select_rfm(population, "monetary").add_columns(net_spend(c).label("net")).subquery().c
    spend = cast(rfm.monetary, Float)
    total = func.sum(rfm.monetary).label("total")
    net = func.sum(rfm.net).label("net")
    middle = (func.avg(spend).label("mean"), func.percentile_cont(0.5).within_group(spend).label("median"))
    measures = (func.count().label("customers"), total, net, *middle)
    return frame(connection, select(rfm.segment, *measures).group_by(rfm.segment))


def sample(connection: Connection, population: SegmentPopulation, size: int) -> pd.DataFrame:
    """At most ``size`` customers, always the same ones: customer_id, segment, recency, frequency, monetary.

    They are those with the lowest hash of their id, so the choice does not depend on what they buy.
    """
    c = population.people.c
    query = (
        select_rfm(population).add_columns(c.customer_id).order_by(func.md5(c.customer_id), c.customer_id).limit(size)
    )
    return frame(connection, query)


def count(connection: Connection, population: SegmentPopulation, search: CustomerSearch) -> int:
    """How many customers a search finds."""
    found = _where(select(func.count()).select_from(customers), population, search, customers)
    return int(connection.execute(found).scalar_one())


def page(
    connection: Connection,
    population: SegmentPopulation,
    search: CustomerSearch,
    sort: Sort,
    size: int,
    number: int = 0,
) -> pd.DataFrame:
    """A page of ``size`` customers that a search finds, in an order; ``number`` counts from 0."""
    c = population.people.c
    columns = (c.customer_id, c.country, c.segment, c.segment_since, *population.rfm.values())
    ahead = (c.last_purchase_at, c.next_change_at, c.next_segment)
    query = _where(select(*columns, *ahead), population, search, population.people)
    return frame(connection, query.order_by(*_order(population, sort)).limit(size).offset(number * size))


def _order(population: SegmentPopulation, sort: Sort) -> tuple[ColumnElement[Any], ...]:
    c = population.people.c
    key = population.rfm[sort.key] if sort.key in population.rfm else c[sort.key]
    ordered = key.desc().nulls_last() if sort.descending else key.asc().nulls_last()
    return ordered, c.customer_id


def _where(query: AnySelect, population: SegmentPopulation, search: CustomerSearch, people: FromClause) -> AnySelect:
    c = people.c
    query = query.where(c.segment.in_(population.segments))
    if search.prefix:
        query = query.where(begins_with(c.customer_id, search.prefix))
    return query.where(c.country == search.country) if search.country else query
