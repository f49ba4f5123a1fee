"""A period of event days: a preset that ends today, or two dates."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from dashboard.shared.flows import midnight
from dashboard.shared.labels import PERIODS

CUSTOM = "custom"


class DayPeriod(NamedTuple):
    """From midnight ``since`` up to, and without, midnight ``until`` (UTC)."""

    since: datetime
    until: datetime

    @property
    def last_day(self) -> datetime:
        """The beginning of its last day."""
        return self.until - timedelta(days=1)

    @property
    def days(self) -> int:
        """Its number of event days."""
        return (self.until - self.since).days

    def earlier(self, days: int) -> "DayPeriod":
        """The period of the same length that begins this many days before."""
        return DayPeriod(self.since - timedelta(days=days), self.until - timedelta(days=days))


def preset(key: str, first: datetime, now: datetime) -> DayPeriod:
    """One of :data:`dashboard.shared.labels.PERIODS`, cut to the history, which begins at ``first``."""
    days = PERIODS[key].days
    until = midnight(now) + timedelta(days=1)
    begin = midnight(first)
    return DayPeriod(begin if days is None else max(begin, until - timedelta(days=days)), until)


def custom(dates: tuple[date, ...], first: datetime, now: datetime) -> DayPeriod:
    """The days from one date to another, both included; the day itself while only one date is chosen."""
    if not dates:
        return preset("all", first, now)
    begin, end = dates[0], dates[-1]
    return DayPeriod(_midnight(begin), _midnight(end) + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
