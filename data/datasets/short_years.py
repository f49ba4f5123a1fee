"""Dates such as 10-12-01, of which nobody can tell whether the day or the year comes first."""

import re
from dataclasses import dataclass, field
from datetime import UTC

from data.datasets.cells import AmbiguousError, shown
from data.datasets.date_parts import tidy
from data.datasets.dates import Moments

_PARTS = re.compile(r"(\d{1,2})-(\d{1,2})-(\d{2})(?!\d)", re.ASCII)
_MONTHS, _DAYS = range(1, 13), range(1, 32)


@dataclass(slots=True)
class ShortYears:
    """What the numbers of such dates show: the days of a column are more varied than its years."""

    first: set[int] = field(default_factory=set)
    last: set[int] = field(default_factory=set)
    year_first: bool = True

    def add(self, cell: str) -> None:
        """Look at a date whose year has two digits."""
        match = _PARTS.match(tidy(cell))
        if match is None:
            return
        first, month, last = int(match[1]), int(match[2]), int(match[3])
        self.first.add(first)
        self.last.add(last)
        self.year_first = self.year_first and len(match[1]) == 2 and month in _MONTHS and last in _DAYS

    def refuse_open(self, cell: str) -> None:
        """Raise :class:`AmbiguousError` if the year can come first as well as last; ``cell`` is an example."""
        if not (cell and self.year_first and self.first <= {*_DAYS}) or len(self.first) > len(self.last):
            return
        try:
            last = Moments("dashes", True, UTC).clock(cell).local
            other = _year_first(cell)
            first = Moments(other, True, UTC).clock(cell).local
        except ValueError:
            return  # a bad cell, which the parser reports
        raise AmbiguousError(
            f"the date {shown(cell)} can be {last:%Y-%m-%d} (--set time.format=dashes) or {first:%Y-%m-%d} "
            f"(--set 'time.format={other}'), and the other dates do not decide"
        )


def _year_first(cell: str) -> str:
    """The format of a date that has its year first."""
    match = _PARTS.match(tidy(cell))
    if match is None:
        raise ValueError(cell)
    clock = tidy(cell)[match.end() :]
    time = {0: "", 1: "%H:%M", 2: "%H:%M:%S"}.get(clock.count(":"), "")
    between = clock[: len(clock) - len(clock.lstrip(" ,T"))]
    return f"%y-%m-%d{between}{time}"
