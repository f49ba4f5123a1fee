"""The history of all segment changes, counted by event day.

A day that event time has passed cannot change any more: the processor gives no change a moment before the watermark. So
closed days are read once per process, and after that only the open ones. If the stream has begun again, the number of
changes no longer agrees, and everything is read again.
"""

from datetime import datetime
from typing import NamedTuple

import pandas as pd
from sqlalchemy import Connection, func, select

from dashboard.shared.caching import ClosedPast, PastReading, per_database
from dashboard.shared.flows import midnight
from dashboard.shared.reading import StreamProgress, event_day, or_empty
from data.postgres.frames import frame
from data.postgres.tables import segment_changes

# Explicit, so that a history without a row has the same types as any other.
TYPES = {"from_segment": "str", "to_segment": "str", "cause": "str", "changes": "int64", "money": "float64"}


class ClosedDays(NamedTuple):
    """The history before a midnight (UTC) of event time."""

    until: datetime
    days: pd.DataFrame


DailyHistory = ClosedPast[pd.DataFrame, ClosedDays]


def read(connection: Connection, progress: StreamProgress) -> pd.DataFrame:
    """The history up to this moment, with the columns of :func:`daily`; closed days come from the process's cache."""
    return per_database(connection.engine, new_cache).read(connection, progress)


def new_cache() -> DailyHistory:
    """An empty cache for one database."""
    return ClosedPast(_read, lambda _before, _now: True)


def daily(connection: Connection, since: datetime | None) -> pd.DataFrame:
    """Changes per event day (UTC), from and to segment ("" on entry) and cause, from midnight ``since`` on.

    Columns day, from_segment, to_segment, cause, changes, and money: the sum of the monetary values of those who moved.
    """
    c = segment_changes.c
    day = event_day(c.effective_at).label("day")
    keys = (day, or_empty(c.from_segment), c.to_segment, c.cause)
    measures = (func.count().label("changes"), func.sum(c.monetary).label("money"))
    query = select(*keys, *measures).group_by(*keys)
    if since is not None:
        query = query.where(c.effective_at >= since)
    days = frame(connection, query)
    typed = days.assign(day=pd.to_datetime(days["day"], utc=True)).astype(TYPES)
    # Sorted here: Postgres would sort all changes before it adds them up.
    return typed.sort_values([*typed.columns[:4]], ignore_index=True)


def _read(
    connection: Connection, progress: StreamProgress, closed: ClosedDays | None
) -> PastReading[pd.DataFrame, ClosedDays]:
    if closed is None:
        days = daily(connection, None)
    else:
        days = pd.concat([closed.days, daily(connection, closed.until)], ignore_index=True)
        if days["changes"].sum() != progress.changes:
            days = daily(connection, None)
    if progress.event_time is None:
        return PastReading(days, None)
    today = midnight(progress.event_time)
    return PastReading(days, ClosedDays(today, days[days["day"] < today]))
