"""The parts of a date and a time of day as shops write them: patterns of each format, and what their groups mean."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from data.datasets.cells import trimmed

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAMES = frozenset(
    ("january", "february", "march", "april", "june", "july", "august", "september", "october", "november", "december")
) | {*_MONTHS, "sept"}
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? )?"
_ORDINAL = r"(\d{1,2})(?:st|nd|rd|th)?"
# How the date begins in each format, in the order in which they are tried.
DATES: dict[str, re.Pattern[str]] = {
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
    "epoch-microseconds": re.compile(r"\d{16}(?!\d)", re.ASCII),
    "epoch-nanoseconds": re.compile(r"\d{19}(?!\d)", re.ASCII),
}
# What follows the date, except for a time zone; it also matches nothing.
TIME = re.compile(
    r"(?:(?:,? | ?T|, ?| at )(?:(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?|(?<=T)(\d{2})(\d{2})(\d{2})?)"
    r"(?: ?([AP])\.?M\.?(?![a-z]))?)?",
    re.ASCII | re.IGNORECASE,
)


def format_of(cell: str) -> str | None:
    """The format that a cell could have, None if it is no date.

    >>> [format_of(cell) for cell in ("2010-12-01", "1/12/2010 8:26", "01.12.10", "1 Dec 2010", "1291191960", "-")]
    ['iso', 'slashes', 'dots', 'month-names', 'epoch-seconds', None]
    """
    text = tidy(cell)
    return next((name for name, pattern in DATES.items() if pattern.match(text)), None)


def first_two(cell: str) -> tuple[int, int]:
    """The first two numbers of a date that has the year last."""
    first, second = re.split(r"[/.\-]", tidy(cell), maxsplit=2)[:2]
    return int(first), int(second)


def has_short_year(cell: str) -> bool:
    """Whether a date that has the year last gives only two digits of it.

    >>> has_short_year("01-12-10 08:26"), has_short_year("01-12-10"), has_short_year("01-12-2010")
    (True, True, False)
    """
    return not re.split(r"[/.\-]", tidy(cell), maxsplit=2)[2][2:4].isdecimal()


def plain_iso(cell: str) -> datetime | None:
    """The time of a cell such as ``2010-12-01 08:26:00``, ``2010-12-01T08:26`` or ``2010-12-01``, None for others."""
    size = len(cell)
    if size not in (10, 16, 19) or cell[4] != "-" or cell[7] != "-":
        return None
    if size > 10 and (cell[10] not in " T" or cell[13] != ":" or cell[16:17] not in ("", ":")):
        return None
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        return None


def tidy(cell: str) -> str:
    """A cell without blanks around it, and with single blanks inside."""
    return " ".join(trimmed(cell).split())


def time_of_day(match: re.Match[str]) -> timedelta:
    """The time of day that a match of :data:`TIME` means; ``ValueError`` if there is no such time."""
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


# Year, month and day that a match of the pattern of each format means.
READ: dict[str, Callable[[re.Match[str], bool], tuple[int, int, int]]] = {
    "iso": _year_first,
    "slashes": _year_last,
    "dashes": _year_last,
    "dots": _year_last,
    "month-names": _named,
}
