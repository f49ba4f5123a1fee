"""The customers behind a number: changes for some causes, between some segments, within a period."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, false, func, or_, select

from dashboard.shared.flows import ONE_DAY, PageLocation, between
from dashboard.shared.reading import or_empty
from data.postgres.frames import AnySelect, frame
from data.postgres.tables import customers, segment_changes

#: What stands for "no segment" where a customer enters the first one.
ENTRY = ""

_c = segment_changes.c


class ChangeFilter(NamedTuple):
    """Which changes to list; an empty field does not restrict them.

    ``since`` is a midnight (UTC), and ``until`` is excluded: another midnight, or just after one as of a past day.
    ``left`` and ``entered`` are segments before and after a change (:data:`ENTRY` for a first purchase); ``touched``
    are segments that a change left or entered.
    """

    since: datetime | None = None
    until: datetime | None = None
    causes: Sequence[str] = ()
    left: Sequence[str] = ()
    entered: Sequence[str] = ()
    touched: Sequence[str] = ()


def within(days: pd.DataFrame, wanted: ChangeFilter) -> pd.DataFrame:
    """The rows of the daily history that a filter lets through."""
    days = between(days, wanted.since, wanted.until)
    for column, values in (("cause", wanted.causes), ("from_segment", wanted.left), ("to_segment", wanted.entered)):
        if values:
            days = days[days[column].isin(values)]
    if wanted.touched:
        days = days[days["from_segment"].isin(wanted.touched) | days["to_segment"].isin(wanted.touched)]
    return days


def page(connection: Connection, wanted: ChangeFilter, location: PageLocation, limit: int) -> pd.DataFrame:
    """A page of changes, the newest first; ``location`` is its place in the filtered daily history.

    Columns effective_at, customer_id, sequence, from_segment ("" on entry), to_segment, cause, recency_days, frequency,
    monetary; the last three are the customer's numbers at the moment of the change.
    """
    # Neighbouring days make one range, so that the index is searched once for all of them.
    ranges: list[tuple[datetime, datetime]] = []
    for day in location.days:
        begin = ranges.pop()[0] if ranges and ranges[-1][1] == day else day
        ranges.append((begin, day + ONE_DAY if wanted.until is None else min(day + ONE_DAY, wanted.until)))
    days = or_(false(), *(and_(_c.effective_at >= begin, _c.effective_at < end) for begin, end in ranges))
    return frame(connection, _newest_first(wanted).where(days).limit(limit).offset(location.skip))


def newest(connection: Connection, wanted: ChangeFilter, limit: int) -> pd.DataFrame:
    """The newest ``limit`` changes that a filter lets through, with the columns of :func:`page` and ``segment_now``."""
    now = func.coalesce(customers.c.segment, ENTRY).label("segment_now")
    query = _newest_first(wanted).add_columns(now)
    query = query.outerjoin_from(segment_changes, customers, customers.c.customer_id == _c.customer_id)
    if wanted.since is not None:
        query = query.where(_c.effective_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(_c.effective_at < wanted.until)
    return frame(connection, query.limit(limit))


def _newest_first(wanted: ChangeFilter) -> AnySelect:
    columns = (_c.effective_at, _c.customer_id, _c.sequence, or_empty(_c.from_segment), _c.to_segment, _c.cause)
    query: AnySelect = select(*columns, _c.recency_days, _c.frequency, _c.monetary)
    if wanted.causes:
        query = query.where(_c.cause.in_(wanted.causes))
    if wanted.left:
        query = query.where(_came_from(wanted.left))
    if wanted.entered:
        query = query.where(_c.to_segment.in_(wanted.entered))
    if wanted.touched:
        query = query.where(or_(_came_from(wanted.touched), _c.to_segment.in_(wanted.touched)))
    return query.order_by(_c.effective_at.desc(), _c.customer_id, _c.sequence.desc())


def _came_from(segments: Sequence[str]) -> ColumnElement[bool]:
    some = _c.from_segment.in_([segment for segment in segments if segment != ENTRY])
    return or_(some, _c.from_segment.is_(None)) if ENTRY in segments else some
