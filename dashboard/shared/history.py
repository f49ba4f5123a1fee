"""The history of all segment changes, counted by event day.

A day that event time has passed cannot change any more: the worker gives no change a moment before the watermark. So
closed days are read once per process, and after that only the open ones. If the stream has begun again, or old changes
were deleted, the number of changes no longer agrees, and everything is read again.

If older changes were deleted (``segue prune``), the history begins with the first day that is whole: rows of the day
before it let every customer enter the segment in which they were then, so that sizes are right (:data:`flows.KEPT`).
"""

from datetime import datetime
from typing import NamedTuple

import pandas as pd
from sqlalchemy import Connection, func, select

from dashboard.shared import flows
from dashboard.shared.caching import ClosedPast, PastReading, per_database
from dashboard.shared.flows import midnight
from dashboard.shared.reading import FIRST_READING_MS, StreamProgress, event_day, or_empty, patient
from data.postgres.frames import frame
from data.postgres.past_moments import Answerable, oldest_kept, require_rescored
from data.postgres.tables import segment_changes

# Explicit, so that a history without a row has the same types as any other.
TYPES = {"from_segment": "str", "to_segment": "str", "cause": "str", "changes": "int64", "money": "float64"}


class ClosedDays(NamedTuple):
    """The history before a midnight (UTC) of event time."""

    until: datetime
    days: pd.DataFrame
    deleted: int


DailyHistory = ClosedPast[pd.DataFrame, ClosedDays]


def read(connection: Connection, progress: StreamProgress) -> pd.DataFrame:
    """The history up to this moment, with the columns of :func:`daily`; closed days come from the process's cache."""
    return per_database(connection.engine, new_cache).read(connection, progress)


def until(connection: Connection, progress: StreamProgress, at: datetime | None) -> pd.DataFrame:
    """The history up to a past midnight (UTC), with the changes that were effective exactly then; None for all of it.

    Raises
    ------
    PastError
        If the kept history begins after that midnight, or customers wait for a model that was activated by then.
    """
    days = read(connection, progress)
    if at is None or progress.watermark is None:
        return days
    kept = days[days["cause"] == flows.KEPT]
    since = None if kept.empty else kept["day"].iloc[0].to_pydatetime() + flows.ONE_DAY
    Answerable(since, progress.watermark, None, progress.forgotten, progress.late, progress.revisions).check(at)
    require_rescored(connection, at)
    return pd.concat([days[days["day"] < at], daily(connection, at, at)], ignore_index=True)


def new_cache() -> DailyHistory:
    """An empty cache for one database."""
    return ClosedPast(_read, lambda _before, _now: True)


def daily(connection: Connection, since: datetime | None, until: datetime | None = None) -> pd.DataFrame:
    """Changes per event day (UTC), from and to segment ("" on entry) and cause, from midnight ``since`` on.

    Changes that were effective after ``until`` are left out.

    Columns day, from_segment, to_segment, cause, changes, and money: the sum of the monetary values of those who moved.
    """
    c = segment_changes.c
    day = event_day(c.effective_at).label("day")
    keys = (day, or_empty(c.from_segment), c.to_segment, c.cause)
    measures = (func.count().label("changes"), func.sum(c.monetary).label("money"))
    query = select(*keys, *measures).group_by(*keys)
    if since is not None:
        query = query.where(c.effective_at >= since)
    if until is not None:
        query = query.where(c.effective_at <= until)
    days = frame(connection, query)
    typed = days.assign(day=pd.to_datetime(days["day"], utc=True)).astype(TYPES)
    # Sorted here: Postgres would sort all changes before it adds them up.
    return typed.sort_values([*typed.columns[:4]], ignore_index=True)


def _read(
    connection: Connection, progress: StreamProgress, closed: ClosedDays | None
) -> PastReading[pd.DataFrame, ClosedDays]:
    # With many changes this takes long the first time, and after a long time without a reader.
    with patient(connection, FIRST_READING_MS):
        days = _all_days(connection, progress, closed)
    if progress.watermark is None:
        return PastReading(days, None)
    today = midnight(progress.watermark)
    return PastReading(days, ClosedDays(today, days[days["day"] < today], progress.changes - _stored(days)))


def _all_days(connection: Connection, progress: StreamProgress, closed: ClosedDays | None) -> pd.DataFrame:
    if closed is not None:
        days = pd.concat([closed.days, daily(connection, closed.until)], ignore_index=True)
        if closed.deleted == progress.changes - _stored(days):
            return days
    days = daily(connection, None)
    return _whole(connection, days) if progress.changes > _stored(days) else days


def _stored(days: pd.DataFrame) -> int:
    """How many changes the rows count."""
    return int(flows.moved(days)["changes"].sum())


def _whole(connection: Connection, days: pd.DataFrame) -> pd.DataFrame:
    """The days that are whole, after rows with every customer's segment before them; all if no change was deleted."""
    c = segment_changes.c
    columns = (
        c.from_segment.label("to_segment"),
        func.count().label("changes"),
        func.max(c.effective_at).label("last"),
    )
    kept = select(*columns).where(oldest_kept()).group_by(c.from_segment)
    found = frame(connection, kept)
    if found.empty:
        return days
    begin = midnight(found["last"].max().to_pydatetime()) + flows.ONE_DAY
    day = pd.Timestamp(begin - flows.ONE_DAY)
    entered = _entered(found, day)[[*days.columns]].astype(TYPES)
    known = pd.concat([entered, days[days["day"] < begin]], ignore_index=True)
    sizes = flows.balance(known.assign(day=day), begin, begin)["start"].rename("changes").rename_axis("to_segment")
    rows = _entered(sizes[sizes > 0].reset_index(), day)[[*days.columns]].astype(TYPES)
    return pd.concat([rows, days[days["day"] >= begin]], ignore_index=True)


def _entered(sizes: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Rows that let this many customers enter each segment on a day."""
    return sizes.assign(day=day, from_segment="", cause=flows.KEPT, money=0.0)
