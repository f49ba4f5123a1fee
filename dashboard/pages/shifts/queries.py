"""Who is behind a number: the customers who moved, for some causes, between some segments, within a period."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, false, or_, select

from dashboard.shared.flows import ONE_DAY, Place, between
from dashboard.shared.reading import or_empty
from data.postgres.frames import AnySelect, frame
from data.postgres.tables import segment_changes

ENTRY = ""

_c = segment_changes.c


class Cell(NamedTuple):
    """Which changes are meant.

    Between two midnights (None is no bound), for one of ``causes``, from one of ``left`` ("" is a first purchase) and
    to one of ``entered``; where there are none of those, all are meant. ``touched`` asks for changes that left or
    entered one of its segments.
    """

    since: datetime | None = None
    until: datetime | None = None
    causes: Sequence[str] = ()
    left: Sequence[str] = ()
    entered: Sequence[str] = ()
    touched: Sequence[str] = ()


def within(days: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """The rows of the daily history that are meant."""
    days = between(days, cell.since, cell.until)
    for column, wanted in (("cause", cell.causes), ("from_segment", cell.left), ("to_segment", cell.entered)):
        if wanted:
            days = days[days[column].isin(wanted)]
    if cell.touched:
        days = days[days["from_segment"].isin(cell.touched) | days["to_segment"].isin(cell.touched)]
    return days


def page(connection: Connection, cell: Cell, place: Place, limit: int) -> pd.DataFrame:
    """A page of the changes themselves, the newest first; ``place`` is where in the history of this cell it lies.

    Columns effective_at, customer_id, sequence, from_segment ("" on entry), to_segment, cause, recency_days, frequency,
    monetary; the last three are what the customer looked like at that moment.
    """
    # Neighbouring days are one range: the index is entered once for each.
    ranges: list[tuple[datetime, datetime]] = []
    for day in place.days:
        begin = ranges.pop()[0] if ranges and ranges[-1][1] == day else day
        ranges.append((begin, day + ONE_DAY))
    days = or_(false(), *(and_(_c.effective_at >= begin, _c.effective_at < end) for begin, end in ranges))
    return frame(connection, _newest_first(cell).where(days).limit(limit).offset(place.skip))


def everyone(connection: Connection, cell: Cell, limit: int) -> pd.DataFrame:
    """The newest ``limit`` of the changes that are meant, with the columns of :func:`page`."""
    query = _newest_first(cell)
    if cell.since is not None:
        query = query.where(_c.effective_at >= cell.since)
    if cell.until is not None:
        query = query.where(_c.effective_at < cell.until)
    return frame(connection, query.limit(limit))


def _newest_first(cell: Cell) -> AnySelect:
    columns = (_c.effective_at, _c.customer_id, _c.sequence, or_empty(_c.from_segment), _c.to_segment, _c.cause)
    query: AnySelect = select(*columns, _c.recency_days, _c.frequency, _c.monetary)
    if cell.causes:
        query = query.where(_c.cause.in_(cell.causes))
    if cell.left:
        query = query.where(_came_from(cell.left))
    if cell.entered:
        query = query.where(_c.to_segment.in_(cell.entered))
    if cell.touched:
        query = query.where(or_(_came_from(cell.touched), _c.to_segment.in_(cell.touched)))
    return query.order_by(_c.effective_at.desc(), _c.customer_id, _c.sequence.desc())


def _came_from(segments: Sequence[str]) -> ColumnElement[bool]:
    some = _c.from_segment.in_([segment for segment in segments if segment != ENTRY])
    return or_(some, _c.from_segment.is_(None)) if ENTRY in segments else some
