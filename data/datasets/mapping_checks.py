"""What the types of a mapping can't say: zones and currencies that exist, and keys that exclude each other."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from data.datasets.mapping import Mapping
from runtime.currencies import is_iso_currency

FORMATS = (
    "iso",
    "slashes",
    "dashes",
    "dots",
    "month-names",
    "excel-days",
    "epoch-seconds",
    "epoch-milliseconds",
    "epoch-microseconds",
    "epoch-nanoseconds",
)
_AMOUNTS = {"amount": ("quantity", "price"), "quantity": ("amount",), "price": ("amount",)}


def check(mapping: Mapping) -> None:
    """Raise ``ValueError``, naming the key, if a mapping contradicts itself or names what is unknown."""
    columns = mapping.columns
    if columns.amount and bool(columns.quantity) != bool(columns.price):
        raise ValueError(
            "columns.amount stands alone, or beside both columns.quantity and columns.price as the total of an invoice"
        )
    if mapping.time.format and mapping.time.format not in FORMATS:
        _check_format(mapping.time.format)
    if mapping.time.zone and not is_zone(mapping.time.zone):
        raise ValueError(f"time.zone: there is no time zone {mapping.time.zone!r}; write a name such as Europe/Berlin")
    if mapping.money.currency and not is_iso_currency(mapping.money.currency):
        raise ValueError(
            f"money.currency: there is no currency {mapping.money.currency!r}; write three capital letters such as EUR"
        )
    if mapping.rows.sheet and mapping.rows.sheets:
        raise ValueError("rows.sheet excludes rows.sheets; leave out one or the other")
    if mapping.rows.separator and (len(mapping.rows.separator) != 1 or mapping.rows.separator in '"\r\n'):
        raise ValueError(f"rows.separator: {mapping.rows.separator!r} is not one character that can separate columns")


def is_zone(name: str) -> bool:
    """Whether there are rules of a time zone of this name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a folder of the zone files is an OSError, a strange name a ValueError
        return False
    return True


def drop_other_amounts(columns: dict[str, Any], key: str, settings: Sequence[str]) -> None:
    """Take away what the column that is set excludes, except for what is set itself: that is an error to report."""
    for other in _AMOUNTS.get(key, ()):
        if not any(setting.partition("=")[0].strip() == f"columns.{other}" for setting in settings):
            columns.pop(other, None)


def in_words(reason: str) -> str:
    """A reason of msgspec with the key first, such as ``columns.tims: there is no such key``.

    >>> in_words("Object contains unknown field `tims` - at `$.columns`")
    'columns.tims: there is no such key'
    >>> in_words("Expected `bool | null`, got `str` - at `$.time.day_first`")
    'time.day_first: write true or false'
    """
    what, _, where = " ".join(reason.split()).partition(" - at ")
    place = where.strip("`").removeprefix("$").lstrip(".")
    if unknown := re.search(r"unknown field `(.*)`", what):
        return f"{'.'.join(filter(None, (place, unknown[1])))}: there is no such key"
    return f"{place}: {_expected(what)}"


def _expected(what: str) -> str:
    for kind, words in (
        ("`bool", "write true or false"),
        ("`str", 'write a text in quotes, such as "Order"'),
        ("`array", 'write a list of texts, such as ["C"]'),
        ("`object", "write a table with keys"),
    ):
        if f"Expected {kind}" in what:
            return words
    return what.replace("enum value ", "")


def _check_format(form: str) -> None:
    known = ", ".join(FORMATS)
    if "%" not in form:
        raise ValueError(f"time.format: {form!r} is none of {known}, and no format such as %d.%m.%Y %H:%M")
    try:
        now = datetime(2010, 12, 31, 8, 26, tzinfo=UTC)
        read = datetime.strptime(now.strftime(form), form)  # noqa: DTZ007 (only the day is compared)
    except (ValueError, re.error):
        raise ValueError(f"time.format: {form!r} is not a valid format") from None
    if (read.year, read.month, read.day) != (now.year, now.month, now.day):
        raise ValueError(f"time.format: {form!r} lacks the year, the month or the day")
