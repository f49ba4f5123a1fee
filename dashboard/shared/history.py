"""The whole history of changes, day by day: read once, remembered, and from then on only its newest days are read.

A day that event time has left behind can't change any more: the processor stamps no change earlier than the newest
tick that it has seen. So a page that reaches back for years asks Postgres for the open days only. Should the past be
another one after all (the stream was begun anew), the number of changes tells, and everything is read again.
"""

from datetime import UTC, datetime
from typing import NamedTuple

import pandas as pd
from sqlalchemy import Connection, func, select

from dashboard.shared.reading import StreamProgress, event_day, or_empty
from data.postgres.frames import frame
from data.postgres.tables import segment_changes

# Said once, so that days without a change have the types of all others.
TYPES = {"from_segment": "str", "to_segment": "str", "cause": "str", "changes": "int64", "money": "float64"}


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
    # Not in the query: Postgres would sort all changes before it adds them up.
    return typed.sort_values([*typed.columns[:4]], ignore_index=True)


class _Closed(NamedTuple):
    """The days before a midnight; those may not change any more."""

    until: datetime | None
    days: pd.DataFrame | None


class Memory:
    """What is known of the past of one database; shared by all sessions of a process."""

    def __init__(self) -> None:
        self._closed = _Closed(None, None)

    def read(self, connection: Connection, progress: StreamProgress) -> pd.DataFrame:
        """The history up to this moment, as :func:`daily` gives it.

        ``progress`` must belong to the same moment as the connection.
        """
        closed = self._closed
        days = daily(connection, closed.until)
        if closed.days is not None:
            days = pd.concat([closed.days, days], ignore_index=True)
            if days["changes"].sum() != progress.changes:
                days = daily(connection, None)
        # Replaced as a whole, so that sessions never see half of it.
        self._closed = _close(days, progress)
        return days


def _close(days: pd.DataFrame, progress: StreamProgress) -> _Closed:
    if progress.event_time is None:
        return _Closed(None, None)
    today = progress.event_time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return _Closed(today, days[days["day"] < today])
