"""Dates and times as shops write them. A column has one format; :data:`FORMATS` names them.

``iso`` is 2010-12-01 08:26, 20101201T0826, 2010/12/01 or 2010.12.01; ``slashes``, ``dashes`` and ``dots`` have the year
last; ``month-names`` is 1 Dec 2010 or Dec 1, 2010; ``excel-days`` counts days; ``epoch-seconds`` and
``epoch-milliseconds`` count from 1970.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import NamedTuple

from data.contract.bounds import EARLIEST, LATEST
from data.datasets.cells import shown, trimmed
from data.datasets.mapping_checks import FORMATS as FORMATS
from data.datasets.zones import is_skipped, zone_of
from models.units import to_micros

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAMES = frozenset(
    ("january", "february", "march", "april", "june", "july", "august", "september", "october", "november", "december")
) | {*_MONTHS, "sept"}
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? )?"
_ORDINAL = r"(\d{1,2})(?:st|nd|rd|th)?"
_DATES: dict[str, re.Pattern[str]] = {
    "iso": re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)|(\d{4})(\d{2})(\d{2})(?![\d.,])", re.ASCII),
    "slashes": re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?!\d)", re.ASCII),
    "dashes": re.compile(r"(\d{1,2})-(\d{1,2})-(\d{4}|\d{2})(?!\d)", re.ASCII),
    "dots": re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})(?!\d)", re.ASCII),
    "month-names": re.compile(
        rf"{_WEEKDAY}(?:{_ORDINAL}[ \-/.]{{0,2}}([a-z]{{3,9}})\.?,?[ \-/]?|([a-z]{{3,9}})\.?[ \-]?{_ORDINAL},? |"
        r"([a-z]{3,9})-(\d{1,2})-)(\d{4}|\d{2})(?!\d)",
        re.ASCII | re.IGNORECASE,
    ),
    "excel-days": re.compile(r"\d{5}(?:[.,]\d{1,18})?(?!\d)", re.ASCII),
    "epoch-seconds": re.compile(r"\d{10}(?:\.\d{1,9})?(?!\d)", re.ASCII),
    "epoch-milliseconds": re.compile(r"\d{13}(?:\.\d{1,9})?(?!\d)", re.ASCII),
}
_TIME = re.compile(
    r"(?:(?:,? | ?T|, ?| at )(?:(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?|(?<=T)(\d{2})(\d{2})(\d{2})?)"
    r"(?: ?([AP])\.?M\.?)?)?",
    re.ASCII | re.IGNORECASE,
)
_COUNTS = {"epoch-seconds": 1_000_000, "epoch-milliseconds": 1_000}
_EXCEL_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
_MILLISECONDS_PER_DAY = 86_400_000


class Clock(NamedTuple):
    """A date and a time of day as written: without a zone, or with one. ``dated`` says that there is no time of day."""

    local: datetime
    zone: tzinfo | None
    dated: bool


def format_of(cell: str) -> str | None:
    """The format that a cell could have, None if it is no date.

    >>> [format_of(cell) for cell in ("2010-12-01", "1/12/2010 8:26", "01.12.10", "1 Dec 2010", "1291191960", "-")]
    ['iso', 'slashes', 'dots', 'month-names', 'epoch-seconds', None]
    """
    text = _tidy(cell)
    return next((name for name, pattern in _DATES.items() if pattern.match(text)), None)


def first_two(cell: str) -> tuple[int, int]:
    """The first two numbers of a date that has the year last."""
    first, second = re.split(r"[/.\-]", _tidy(cell), maxsplit=2)[:2]
    return int(first), int(second)


@dataclass(frozen=True, slots=True)
class Moments:
    """How the times of a column are read.

    Parameters
    ----------
    form
        One of :data:`FORMATS`, or a format of ``strptime``.
    day_first
        Whether the day is before the month where both are numbers and the year is last.
    zone
        The time zone of times without one.
    """

    form: str
    day_first: bool
    zone: tzinfo

    def micros(self, cell: str) -> int:
        """The moment in microseconds since 1970.

        Raises
        ------
        ValueError
            If the cell is not a date of this format, is outside the bounds, or is skipped by daylight saving.
        """
        clock = self.clock(cell)
        moment = clock.local.replace(tzinfo=clock.zone or self.zone)
        # A day begins when its midnight is skipped, too. A time of day that never was is a mistake or a wrong zone.
        if not clock.dated and is_skipped(moment):
            raise ValueError(f"{shown(cell)} does not exist in {moment.tzinfo}: the clocks went forward")
        try:
            in_time = EARLIEST <= moment < LATEST
        except OverflowError:
            in_time = False
        if not in_time:
            raise ValueError(f"{shown(cell)} is not between {EARLIEST.year} and {LATEST.year}")
        return to_micros(moment.astimezone(UTC))

    def clock(self, cell: str) -> Clock:
        """The date and the time of day as written."""
        text = _tidy(cell)
        try:
            if "%" in self.form:
                return _custom(text, self.form)
            if self.form in _COUNTS or self.form == "excel-days":
                return _counted(text, self.form)
            return self._written(text)
        except (ValueError, OverflowError) as error:
            reason = str(error) if "time zone" in str(error) else self._expected(cell)
            raise ValueError(f"{shown(cell)} is not {_EXAMPLES.get(self.form, self.form)}; {reason}") from None

    def _written(self, text: str) -> Clock:
        match = _DATES[self.form].match(text)
        if match is None:
            raise ValueError(text)
        year, month, day = _READ[self.form](match, self.day_first)
        time = _TIME.match(text, match.end())
        assert time is not None  # noqa: S101 (the pattern also matches nothing)
        zone = text[time.end() :].strip()
        local = datetime(year, month, day) + _time_of_day(time)  # noqa: DTZ001 (the zone comes last)
        return Clock(local, zone_of(zone) if zone else None, time.end() == time.start())

    def _expected(self, cell: str) -> str:
        other = format_of(cell)
        if other == self.form and other in ("dashes", "dots", "slashes"):
            first, second = first_two(cell)
            # Only one of the two numbers can be a month, and it is where the day should be.
            if (second if self.day_first else first) > 12 >= (first if self.day_first else second) > 0:
                order, opposite = ("day", "false") if self.day_first else ("month", "true")
                return f"the {order} comes first in this column (--set time.day_first={opposite} reads it otherwise)"
        if other and other != self.form:
            return "a column of times has one format"
        return "there is no such date and time"


def _tidy(cell: str) -> str:
    return " ".join(trimmed(cell).split())


def _time_of_day(match: re.Match[str]) -> timedelta:
    hour, minute = int(match[1] or match[5] or 0), int(match[2] or match[6] or 0)
    second = int(match[3] or match[7] or 0)
    if half := match[8]:
        if not 1 <= hour <= 12:
            raise ValueError(match[0])
        hour = hour % 12 + (12 if half in "Pp" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(match[0])
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=int((match[4] or "0")[:6].ljust(6, "0")))


def _year_first(match: re.Match[str], day_first: bool) -> tuple[int, int, int]:
    year, _, month, day, *basic = match.groups()
    return (int(year), int(month), int(day)) if year else (int(basic[0]), int(basic[1]), int(basic[2]))


def _year_last(match: re.Match[str], day_first: bool) -> tuple[int, int, int]:
    first, second = int(match[1]), int(match[2])
    day, month = (first, second) if day_first else (second, first)
    return full_year(match[3]), month, day


def _named(match: re.Match[str], day_first: bool) -> tuple[int, int, int]:
    name = (match[2] or match[3] or match[5]).lower()
    if name not in _MONTH_NAMES:
        raise ValueError(name)
    return full_year(match[7]), 1 + _MONTHS.index(name[:3]), int(match[1] or match[4] or match[6])


def full_year(written: str) -> int:
    """A year; two digits are a year from 1969 to 2068, as in POSIX.

    >>> full_year("10"), full_year("99"), full_year("2010")
    (2010, 1999, 2010)
    """
    year = int(written)
    return year if len(written) == 4 else year + (1900 if year >= 69 else 2000)


_READ: dict[str, Callable[[re.Match[str], bool], tuple[int, int, int]]] = {
    "iso": _year_first,
    "slashes": _year_last,
    "dashes": _year_last,
    "dots": _year_last,
    "month-names": _named,
}
_EXAMPLES = {
    "iso": "a date and time such as 2010-12-31 08:26",
    "slashes": "a date and time such as 31/12/2010 08:26",
    "dashes": "a date and time such as 31-12-2010 08:26",
    "dots": "a date and time such as 31.12.2010 08:26",
    "month-names": "a date and time such as 31 Dec 2010 08:26",
    "excel-days": "a number of days such as 40513.35",
    "epoch-seconds": "a number of seconds since 1970",
    "epoch-milliseconds": "a number of milliseconds since 1970",
}


def _counted(text: str, form: str) -> Clock:
    if not _DATES[form].fullmatch(text):
        raise ValueError(text)
    number = Decimal(text.replace(",", "."))
    if form == "excel-days":
        # A spreadsheet keeps 8:26 as a fraction of a day that is not exact: whole milliseconds are.
        return Clock(
            (_EXCEL_ZERO + timedelta(milliseconds=round(number * _MILLISECONDS_PER_DAY))).replace(tzinfo=None),
            None,
            "." not in text,
        )
    return Clock(datetime(1970, 1, 1) + timedelta(microseconds=int(number * _COUNTS[form])), UTC, False)  # noqa: DTZ001


def _custom(text: str, form: str) -> Clock:
    if any(char.isdigit() and not char.isascii() for char in text):
        raise ValueError(text)
    read = datetime.strptime(text, form)  # noqa: DTZ007 (the zone comes last)
    return Clock(read.replace(tzinfo=None), read.tzinfo, not re.search("%[HIcXMSsf]", form))
