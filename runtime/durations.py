"""Durations as people write them in settings: ``90``, ``90s``, ``30m``, ``12h`` or ``1d``."""

import re
from datetime import timedelta

_UNITS = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_WRITTEN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([smhd]?)")


def duration(value: object) -> timedelta:
    """A duration from seconds, or from a number with a unit.

    Raises
    ------
    ValueError
        If it is neither, or negative.

    Examples
    --------
    >>> duration("12h")
    datetime.timedelta(seconds=43200)
    >>> duration("90") == duration("90s") == duration(90)
    True
    """
    if isinstance(value, timedelta):
        return value
    found = _WRITTEN.fullmatch(str(value).strip().lower())
    if found is None:
        raise ValueError("give seconds, or a number with s, m, h or d, such as 1d")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})
