"""Decides how the times of a column are written, from all its distinct cells."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC
from zoneinfo import ZoneInfo

import msgspec

from data.datasets.cells import AmbiguousError, shown
from data.datasets.date_parts import first_two, format_of, has_short_year
from data.datasets.dates import FORMATS, Moments
from data.datasets.mapping import Time
from data.datasets.short_years import ShortYears
from data.datasets.zones import is_repeated

_YEAR_LAST = ("slashes", "dashes", "dots")
_DEFAULT_ZONE = "UTC"
# Of the dates that tell whether the day comes first, this share must agree; a few typing errors may not.
_AGREE = 0.9


@dataclass(slots=True)
class _Seen:
    """What the cells of one format show: how many there are, and for slashes which of day and month comes first."""

    count: int = 0
    open: str = ""
    short_year: str = ""
    day_first: str = ""
    month_first: str = ""
    days: int = 0
    months: int = 0
    short_years: ShortYears = field(default_factory=ShortYears)


def find_out(time: Time, cells: Callable[[], Iterable[str]]) -> tuple[Time, Moments, list[str]]:
    """Decide the format, the order of day and month, and the time zone.

    The format is the one of most distinct cells: cells of another format are errors that the parser reports.

    Parameters
    ----------
    cells
        Yields the distinct cells; is called once or twice.

    Returns
    -------
    tuple
        The keys of the mapping, all of them set; the parser; and notes.

    Raises
    ------
    AmbiguousError
        If the dates do not tell whether the day or the month comes first.
    """
    form, day_first = time.format, time.day_first
    notes: list[str] = []
    short_year = ""
    if not form or (form == "slashes" and day_first is None):
        seen = _look(cells(), [form] if form else FORMATS)
        form = form or max(seen, key=lambda name: seen[name].count)
        if form == "slashes" and day_first is None:
            day_first = _is_day_first(seen[form])
        short_year = seen[form].short_year
        # Dots have the day first; with dashes, 10-12-01 is as usual as 01-12-10.
        if form == "dashes" and day_first is None and not time.format:
            seen[form].short_years.refuse_open(short_year)
    if form == "excel-days":
        notes.append("Times are numbers of days, as a spreadsheet counts them from 1899-12-30.")
    zone = ZoneInfo(time.zone) if time.zone and time.zone != _DEFAULT_ZONE else UTC
    moments = Moments(form, day_first is not False, zone)
    if short_year:
        notes += _short_year_note(moments, short_year)
    notes += _zone_notes(time, moments, cells())
    found = Time(format=form, day_first=day_first is not False, zone=time.zone or _DEFAULT_ZONE)
    return (found if form in _YEAR_LAST else msgspec.structs.replace(found, day_first=time.day_first)), moments, notes


def _look(cells: Iterable[str], forms: Iterable[str]) -> dict[str, _Seen]:
    seen = {form: _Seen() for form in forms}
    for cell in cells:
        form = format_of(cell)
        if form not in seen:
            continue
        kind = seen[form]
        kind.count += 1
        if form in _YEAR_LAST and has_short_year(cell):
            kind.short_year = _least(kind.short_year, cell)
            kind.short_years.add(cell)
        if form == "slashes":
            first, second = first_two(cell)
            if first > 12 >= second:
                kind.days += 1
                kind.day_first = _least(kind.day_first, cell)
            elif second > 12 >= first:
                kind.months += 1
                kind.month_first = _least(kind.month_first, cell)
            elif first != second and max(first, second) <= 12 and cell < (kind.open or "~") and _is_readable(cell):
                kind.open = cell
    return seen


def _least(example: str, cell: str) -> str:
    """The example for a message, which does not depend on the order of the cells."""
    return min(example or cell, cell)


def _is_readable(cell: str) -> bool:
    try:
        Moments("slashes", True, UTC).clock(cell)
    except ValueError:
        return False
    return True


def _is_day_first(seen: _Seen) -> bool:
    if seen.days and seen.months and max(seen.days, seen.months) < _AGREE * (seen.days + seen.months):
        raise AmbiguousError(
            f"the dates contradict each other: {shown(seen.day_first)} has the day first and "
            f"{shown(seen.month_first)} the month; choose with --set time.day_first=true or "
            "--set time.day_first=false"
        )
    if not (seen.days or seen.months) and seen.open:
        day, month = (Moments("slashes", first, UTC).clock(seen.open).local for first in (True, False))
        raise AmbiguousError(
            f"the date {shown(seen.open)} can be {day:%Y-%m-%d} (--set time.day_first=true) or "
            f"{month:%Y-%m-%d} (--set time.day_first=false), and no other date decides"
        )
    return seen.days >= seen.months


def _short_year_note(moments: Moments, cell: str) -> list[str]:
    try:
        return [f"Years have two digits: {shown(cell)} is read as {moments.clock(cell).local:%Y-%m-%d}."]
    except ValueError:
        return []  # a bad cell, which the parser reports


def _zone_notes(time: Time, moments: Moments, cells: Iterable[str]) -> list[str]:
    without_zone, repeated, example = False, 0, ""
    daylight_saving = bool(time.zone) and time.zone != _DEFAULT_ZONE
    for cell in cells:
        try:
            clock = moments.clock(cell)
        except ValueError:
            continue
        if clock.zone is None:
            without_zone = True
            if not daylight_saving:
                break
            if not clock.dated and is_repeated(clock.local.replace(tzinfo=moments.zone)):
                repeated, example = repeated + 1, _least(example, cell)
    notes = []
    if without_zone:
        hint = "" if time.zone else " If they are local times, name their zone, such as --set time.zone=Europe/Berlin."
        notes.append(f"Times without a zone are taken as {time.zone or _DEFAULT_ZONE}.{hint}")
    if repeated:
        times = f"{shown(example)} happens" if repeated == 1 else f"{repeated:,} times such as {shown(example)} happen"
        notes.append(f"{times} twice in {time.zone}, because the clocks go back: the first is taken.")
    return notes
