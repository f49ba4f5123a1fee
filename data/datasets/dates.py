"""Dates and times as shops write them. A column has one format; :data:`FORMATS` names them.

``iso`` is 2010-12-01 08:26, 20101201T0826, 2010/12/01 or 2010.12.01; ``slashes``, ``dashes`` and ``dots`` have the year
last; ``month-names`` is 1 Dec 2010 or Dec 1, 2010; ``excel-days`` counts days; ``epoch-seconds``,
``epoch-milliseconds``, ``epoch-microseconds`` and ``epoch-nanoseconds`` count from 1970.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import NamedTuple

from data.contract.bounds import EARLIEST, LATEST
from data.datasets.cells import shown
from data.datasets.date_parts import DATES, READ, TIME, first_two, format_of, plain_iso, tidy, time_of_day
from data.datasets.mapping_checks import FORMATS as FORMATS
from data.datasets.zones import offsets, zone_of
from models.units import to_micros

# Microseconds of one.
_COUNTS = {
    "epoch-seconds": Decimal(1_000_000),
    "epoch-milliseconds": Decimal(1_000),
    "epoch-microseconds": Decimal(1),
    "epoch-nanoseconds": Decimal("0.001"),
}
_EXCEL_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001
_LOCAL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (times are local until their zone is known)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST, _LATEST = to_micros(EARLIEST), to_micros(LATEST)
_MILLISECONDS_PER_DAY = 86_400_000


class Clock(NamedTuple):
    """A date and a time of day as written: without a zone, or with one. ``dated`` says that there is no time of day."""

    local: datetime
    zone: tzinfo | None
    dated: bool


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
        zone = clock.zone or self.zone
        micros = (clock.local - _LOCAL_EPOCH) // _MICROSECOND
        if zone is not UTC:
            before, after = offsets(clock.local.replace(tzinfo=zone))
            # A day begins when its midnight is skipped, too. A time of day that never was is a mistake or a wrong zone.
            if before < after and not clock.dated:
                raise ValueError(f"{shown(cell)} does not exist in {zone}: the clocks went forward")
            micros -= before // _MICROSECOND
        if not _EARLIEST <= micros < _LATEST:
            raise ValueError(f"{shown(cell)} is not between {EARLIEST.year} and {LATEST.year}")
        return micros

    def clock(self, cell: str) -> Clock:
        """The date and the time of day as written."""
        # Nearly every file has this format, with millions of distinct times.
        if self.form == "iso" and (local := plain_iso(cell)):
            return Clock(local, None, len(cell) == 10)
        text = tidy(cell)
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
        match = DATES[self.form].match(text)
        if match is None:
            raise ValueError(text)
        year, month, day = READ[self.form](match, self.day_first)
        time = TIME.match(text, match.end())
        assert time is not None  # noqa: S101 (the pattern also matches nothing)
        zone = text[time.end() :].strip()
        local = datetime(year, month, day) + time_of_day(time)  # noqa: DTZ001 (the zone comes last)
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


_EXAMPLES = {
    "iso": "a date and time such as 2010-12-31 08:26",
    "slashes": "a date and time such as 31/12/2010 08:26",
    "dashes": "a date and time such as 31-12-2010 08:26",
    "dots": "a date and time such as 31.12.2010 08:26",
    "month-names": "a date and time such as 31 Dec 2010 08:26",
    "excel-days": "a number of days such as 40513.35",
    "epoch-seconds": "a number of seconds since 1970",
    "epoch-milliseconds": "a number of milliseconds since 1970",
    "epoch-microseconds": "a number of microseconds since 1970",
    "epoch-nanoseconds": "a number of nanoseconds since 1970",
}


def _counted(text: str, form: str) -> Clock:
    if not DATES[form].fullmatch(text):
        raise ValueError(text)
    number = Decimal(text.replace(",", "."))
    if form == "excel-days":
        # A spreadsheet keeps 8:26 as a fraction of a day that is not exact: whole milliseconds are.
        return Clock(
            _EXCEL_ZERO + timedelta(milliseconds=round(number * _MILLISECONDS_PER_DAY)),
            None,
            "." not in text,
        )
    return Clock(_LOCAL_EPOCH + timedelta(microseconds=int(number * _COUNTS[form])), UTC, False)


def _custom(text: str, form: str) -> Clock:
    if any(char.isdigit() and not char.isascii() for char in text):
        raise ValueError(text)
    read = datetime.strptime(text, form)  # noqa: DTZ007 (the zone comes last)
    return Clock(read.replace(tzinfo=None), read.tzinfo, not re.search("%[HIcXMSsf]", form))
