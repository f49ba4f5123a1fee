"""Summaries of the daily history of changes: pure functions from its frame to smaller ones."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pandas as pd

# Bars of whole weeks start on a Monday if the window has no beginning.
A_MONDAY = datetime(2000, 1, 3, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
#: In place of a cause: customers who were in a segment before the kept history, and no change.
KEPT = "kept"


def window_start(event_time: datetime | None, days: int | None) -> datetime | None:
    """Midnight (UTC) at which the last ``days`` event days begin, today included; None for no bound."""
    if event_time is None or days is None:
        return None
    return midnight(event_time) - timedelta(days=days - 1)


def midnight(moment: datetime) -> datetime:
    """The beginning (UTC) of a moment's day."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def between(days: pd.DataFrame, since: datetime | None, until: datetime | None = None) -> pd.DataFrame:
    """The rows from midnight ``since`` up to, and without, midnight ``until``; None is no bound."""
    if since is not None:
        days = days[days["day"] >= since]
    return days if until is None else days[days["day"] < until]


def moved(days: pd.DataFrame) -> pd.DataFrame:
    """The rows that are changes: without those of :data:`KEPT`."""
    return days[days["cause"] != KEPT]


def flows(days: pd.DataFrame) -> pd.DataFrame:
    """Summed over days: from_segment ("" on entry), to_segment, cause, changes, money."""
    keys = ["from_segment", "to_segment", "cause"]
    return pd.DataFrame(days.groupby(keys, as_index=False)[["changes", "money"]].sum())


def moves(days: pd.DataFrame, pairs: Collection[tuple[str, str]], cause: str | None = None) -> int:
    """How many changes went from the first to the second segment of one of these pairs; of one ``cause``, or of all."""
    return int(_between_segments(days, pairs, cause)["changes"].sum())


def money(days: pd.DataFrame, pairs: Collection[tuple[str, str]]) -> float:
    """The spend, at the time of the change, of those who moved between one of these pairs of segments."""
    return float(_between_segments(days, pairs, None)["money"].sum())


class PageLocation(NamedTuple):
    """Where a page of changes is: on these days (UTC midnights, in order), after their ``skip`` newest changes."""

    days: list[datetime]
    skip: int


def locate(days: pd.DataFrame, limit: int, offset: int = 0) -> PageLocation:
    """The days that hold ``limit`` changes after the ``offset`` newest ones.

    It makes a page of a long list quick to find even if its changes are rare: days without one are not searched.
    """
    newest_first = days.groupby("day")["changes"].sum().sort_index(ascending=False)
    newest_first = newest_first[newest_first > 0]
    until = newest_first.cumsum()
    begin = int((until <= offset).sum())
    end = int((until < offset + limit).sum()) + 1
    skip = offset - (int(until.iloc[begin - 1]) if begin else 0)
    return PageLocation(sorted(day.to_pydatetime() for day in newest_first.index[begin:end]), skip)


def rhythm(days: pd.DataFrame, since: datetime | None, bin_days: int) -> pd.DataFrame:
    """Changes per bin of ``bin_days`` days, counted from ``since``, and cause, in order: at, cause, changes."""
    origin, width = since or A_MONDAY, timedelta(days=bin_days)
    at = origin + (days["day"] - origin) // width * width
    return pd.DataFrame(days.assign(at=at).groupby(["at", "cause"], as_index=False)[["changes"]].sum())


def sizes(days: pd.DataFrame) -> pd.DataFrame:
    """Customers in each segment at the end of every day: a row for each day of the history, a column for each segment.

    Every customer who ever entered a segment is counted in exactly one.
    """
    arrived = days.pivot_table(index="day", columns="to_segment", values="changes", aggfunc="sum", fill_value=0)
    moved = days[days["from_segment"] != ""]
    left = moved.pivot_table(index="day", columns="from_segment", values="changes", aggfunc="sum", fill_value=0)
    net = arrived.sub(left, fill_value=0).fillna(0)
    if net.empty:
        return net
    every_day = pd.date_range(net.index.min(), net.index.max(), freq="D", name="day")
    return net.reindex(every_day, fill_value=0).cumsum().astype("int64")


def balance(days: pd.DataFrame, since: datetime, until: datetime) -> pd.DataFrame:
    """Customers of each segment over a period, from midnight ``since`` up to, and without, midnight ``until``.

    Returns
    -------
    DataFrame
        By segment that has had a customer by then: ``start``, ``came``, ``left``, ``end`` and ``net``, the difference;
        start + came - left = end. A customer who comes twice counts twice.

    Examples
    --------
    >>> moved = pd.DataFrame({"from_segment": ["", "new"], "to_segment": ["new", "lost"], "changes": [5, 2]})
    >>> history = moved.assign(day=[datetime(2011, 1, 1, tzinfo=UTC), datetime(2011, 1, 9, tzinfo=UTC)])
    >>> balance(history, datetime(2011, 1, 5, tzinfo=UTC), datetime(2011, 2, 1, tzinfo=UTC)).loc["new"].to_dict()
    {'start': 5, 'came': 0, 'left': 2, 'end': 3, 'net': -2}
    """
    came, left = _ends(between(days, None, since))
    start = came.sub(left, fill_value=0)
    came, left = _ends(between(days, since, until))
    table = pd.DataFrame({"start": start, "came": came, "left": left}).fillna(0).astype("int64")
    net = table["came"] - table["left"]
    return table.assign(end=table["start"] + net, net=net)


def _ends(days: pd.DataFrame) -> tuple["pd.Series[int]", "pd.Series[int]"]:
    """How many changes led into each segment, and how many out of it."""
    came = days.groupby("to_segment")["changes"].sum()
    return came, days[days["from_segment"] != ""].groupby("from_segment")["changes"].sum()


def _between_segments(days: pd.DataFrame, pairs: Collection[tuple[str, str]], cause: str | None) -> pd.DataFrame:
    chosen = pd.MultiIndex.from_frame(days[["from_segment", "to_segment"]]).isin([*pairs])
    return days[chosen if cause is None else chosen & (days["cause"] == cause).to_numpy()]
