"""Months, quarters and weeks of event time (UTC), one after another. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

Grain = Literal["month", "quarter", "week"]
GRAINS: dict[Grain, str] = {"month": "Months", "quarter": "Quarters", "week": "Weeks"}
#: How many periods a year has: the period a year before has the same place in it.
PER_YEAR: dict[Grain, int] = {"month": 12, "quarter": 4, "week": 52}
_MONTHS: dict[Grain, int] = {"month": 1, "quarter": 3}
_WEEK = timedelta(days=7)


class CalendarPeriod(NamedTuple):
    """From midnight ``since`` up to, and without, midnight ``until``."""

    since: datetime
    until: datetime
    label: str


def periods(grain: Grain, first: datetime, now: datetime) -> list[CalendarPeriod]:
    """The periods from the one that holds ``first`` to the one that holds ``now``, in order; weeks begin on Mondays.

    >>> [each.label for each in periods("quarter", datetime(2010, 12, 1, tzinfo=UTC), datetime(2011, 4, 1, tzinfo=UTC))]
    ['Q4 2010', 'Q1 2011', 'Q2 2011']
    """
    found = []
    since = _beginning(grain, first)
    while since <= now:
        until = _following(grain, since)
        found.append(CalendarPeriod(since, until, _label(grain, since)))
        since = until
    return found


def _beginning(grain: Grain, moment: datetime) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if grain == "week":
        return day - timedelta(days=day.weekday())
    months = _MONTHS[grain]
    return day.replace(day=1, month=(day.month - 1) // months * months + 1)


def _following(grain: Grain, since: datetime) -> datetime:
    if grain == "week":
        return since + _WEEK
    year, month = divmod(since.month - 1 + _MONTHS[grain], 12)
    return datetime(since.year + year, month + 1, 1, tzinfo=UTC)


def _label(grain: Grain, since: datetime) -> str:
    if grain == "month":
        return f"{since:%b %Y}"
    if grain == "quarter":
        return f"Q{(since.month + 2) // 3} {since.year}"
    return f"{since.day} {since:%b %Y}"
