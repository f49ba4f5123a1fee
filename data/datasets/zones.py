"""Time zones: moments of local times, with daylight saving."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from data.datasets.mapping_checks import is_zone

_OFFSET = re.compile(r"(?:UTC|GMT)?([+\-\N{MINUS SIGN}])(\d{2})(?::?(\d{2}))?", re.ASCII)
# The names in exports of tills and web shops, by the part before "(US & Canada)" and the like.
_NAMES = {
    "eastern time": "America/New_York",
    "central time": "America/Chicago",
    "mountain time": "America/Denver",
    "pacific time": "America/Los_Angeles",
    "arizona": "America/Phoenix",
    "alaska": "America/Anchorage",
    "hawaii": "Pacific/Honolulu",
    "atlantic time": "America/Halifax",
    "newfoundland": "America/St_Johns",
    "london": "Europe/London",
    "dublin": "Europe/Dublin",
    "paris": "Europe/Paris",
    "madrid": "Europe/Madrid",
    "berlin": "Europe/Berlin",
    "tokyo": "Asia/Tokyo",
    "sydney": "Australia/Sydney",
    "melbourne": "Australia/Melbourne",
    "brisbane": "Australia/Brisbane",
    "adelaide": "Australia/Adelaide",
    "perth": "Australia/Perth",
    "darwin": "Australia/Darwin",
    "hobart": "Australia/Hobart",
}


@lru_cache(maxsize=1024)
def zone_of(written: str) -> tzinfo:
    """The time zone that is written after a time: ``Z``, ``UTC``, ``+01:00``, ``GMT+0100`` or ``Europe/Berlin``.

    Raises
    ------
    ValueError
        If there is no such time zone. An abbreviation such as CST names several.
    """
    if written.upper() in ("Z", "UTC", "GMT"):
        return UTC
    if match := _OFFSET.fullmatch(written):
        size = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        if size > timedelta(hours=18) or int(match[3] or 0) > 59:
            raise ValueError(f"the time zone {written!r} does not exist")
        return timezone(size if match[1] == "+" else -size)
    name = _NAMES.get(written.partition("(")[0].strip().lower(), written)
    if "/" not in name or not is_zone(name):
        raise ValueError(f"the time zone {written!r} is not known; write +01:00 or a name such as Europe/Berlin")
    return ZoneInfo(name)


def offsets(moment: datetime) -> tuple[timedelta, timedelta]:
    """How far a local time is ahead of UTC, before and after the clocks change; the two differ only beside a change."""
    before, after = moment.replace(fold=0).utcoffset(), moment.replace(fold=1).utcoffset()
    return before or timedelta(), after or timedelta()


def is_repeated(moment: datetime) -> bool:
    """Whether a local time happens twice, because the clocks have gone back over it."""
    before, after = offsets(moment)
    return before > after
