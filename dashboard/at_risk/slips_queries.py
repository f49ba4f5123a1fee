"""Upcoming slips: customers whom time alone will move out of a good segment unless they buy before."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pandas as pd
from sqlalchemy import ColumnElement, Connection, Label, func, literal, select, tuple_

from dashboard.shared.flows import midnight
from dashboard.shared.reading import event_day
from data.postgres.frames import AnySelect, frame
from data.postgres.rfm import net_spend
from data.postgres.tables import customers

Pair = tuple[str, str]
SECONDS_A_DAY = 86_400

_c = customers.c
NET = net_spend(_c)


class Slips(NamedTuple):
    """Which slips to list.

    ``pairs`` are the moves that count (from and to segment), ``now`` is the event time, and ``until`` the last moment.
    Only customers whose net spend is at least ``worth``; without ``countries``, from all of them.
    """

    pairs: Sequence[Pair]
    now: datetime
    until: datetime
    worth: int = 0
    countries: Sequence[str] = ()


def _days_until_slip(moment: datetime) -> ColumnElement[float]:
    """Days from a moment to the slip, with fractions; 0 if the slip is due already."""
    return func.greatest(0, func.extract("epoch", _c.next_change_at - literal(moment)) / SECONDS_A_DAY)


# The orders of the list.
ORDERS = ("urgent", "soonest", "worth", "silent")


def _order(order: str, now: datetime) -> ColumnElement[Any]:
    by = {
        "urgent": (NET / (_days_until_slip(now) + 1)).desc(),
        "soonest": _c.next_change_at.asc(),
        "worth": NET.desc(),
        "silent": _c.last_purchase_at.asc(),
    }
    return by[order]


def calendar(connection: Connection, slips: Slips) -> pd.DataFrame:
    """Slips per event day (UTC) and pair of segments: day, from_segment, to_segment, customers, worth."""
    day = event_day(_c.next_change_at).label("day")
    keys = (day, _from(), _to())
    measures = (func.count().label("customers"), func.sum(NET).label("worth"))
    days = frame(connection, _matching(select(*keys, *measures), slips).group_by(*keys).order_by(day))
    return days.assign(day=pd.to_datetime(days["day"], utc=True), worth=days["worth"].astype("float64"))


def page(connection: Connection, slips: Slips, order: str, limit: int, offset: int = 0) -> pd.DataFrame:
    """The customers who slip: ``limit`` of them after the first ``offset``.

    Columns customer_id, country, from_segment, to_segment, slips_at, days_left, net_spend, last_purchase_at,
    frequency. ``days_left`` counts calendar days: 0 is today, 1 tomorrow. ``order`` is one of :data:`ORDERS`;
    "urgent" is the highest net spend per day left, today included.
    """
    columns = (
        _c.customer_id,
        _c.country,
        _from(),
        _to(),
        _c.next_change_at.label("slips_at"),
        func.floor(_days_until_slip(midnight(slips.now))).label("days_left"),
        NET.label("net_spend"),
        _c.last_purchase_at,
        _c.frequency,
    )
    query = _matching(select(*columns), slips).order_by(_order(order, slips.now), _c.customer_id)
    found = frame(connection, query.limit(limit).offset(offset))
    return found.assign(days_left=found["days_left"].astype("int64"))


def until(now: datetime, days: int) -> datetime:
    """The end of the last of ``days`` event days, of which today is the first."""
    return midnight(now) + timedelta(days=days) - timedelta(microseconds=1)


def _matching(query: AnySelect, slips: Slips) -> AnySelect:
    query = query.where(_c.next_change_at <= slips.until, tuple_(_c.segment, _c.next_segment).in_(slips.pairs))
    if slips.worth:
        query = query.where(slips.worth <= NET)
    if slips.countries:
        query = query.where(_c.country.in_(slips.countries))
    return query


def _from() -> Label[str | None]:
    return _c.segment.label("from_segment")


def _to() -> Label[str | None]:
    return _c.next_segment.label("to_segment")
