"""Parsers for one cell of a raw file: text, a whole number, a moment, an exact price.

A CSV holds text, Parquet typed values, and an xlsx text, floats and dates. Every parser raises ``ValueError`` with a
reason that begins with the invalid value.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from models.units import MONEY_DECIMALS, to_money_units
from runtime.errors import SegueError

MAX_TEXT = 64
MAX_NUMBER = 10**9

_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d*)?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INVISIBLE = "\ufeff\u200b\u2060"
_AMERICAN = ("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y")


class DataError(SegueError, ValueError):
    """A file of transactions that can't be used; the message names the place and the reason in one line."""


class AmbiguousError(DataError):
    """A file that can be read in two ways; the message names both, and the settings that choose."""


def trimmed(cell: str) -> str:
    """A cell without the blanks around it, whatever their width; an invisible mark at an end is no part of it, either.

    >>> trimmed("\\u00a0 Ann \\ufeff")
    'Ann'
    """
    return cell.strip().strip(_INVISIBLE).strip()


def text(cell: object) -> str | None:
    """A cell as text, ``None`` if it is blank; a whole number has no decimal point."""
    if cell is None or cell != cell or cell == "":
        return None
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def identifier(cell: object) -> str:
    """A short id without control characters; it must not be blank."""
    name = label(cell)
    if not name:
        raise ValueError("the cell is empty")
    return name


def customer(cell: object) -> str | None:
    """A customer's id, ``None`` for a guest. A column of floats holds 13085 as ``13085.0``."""
    name = label(cell)
    return (name.removesuffix(".0") if _NUMBER.fullmatch(name) else name) or None


def label(cell: object) -> str:
    """A short text without control characters; it may be blank."""
    name = (text(cell) or "").strip()
    if len(name) > MAX_TEXT or _CONTROL.search(name):
        raise ValueError(f"{shown(cell)} is longer than {MAX_TEXT} characters or has control characters")
    return name


def stock_code(cell: object) -> str:
    """A stock code, unchanged; empty if there is none."""
    return text(cell) or ""


def quantity(cell: object) -> int:
    """A whole number of pieces."""
    number = text(cell) or ""
    if not _NUMBER.fullmatch(number.strip()) or (value := Decimal(number)) != int(value):
        raise ValueError(f"{shown(cell)} is not a whole number")
    if abs(value) >= MAX_NUMBER:
        raise ValueError(f"{shown(cell)} is too large a quantity")
    return int(value)


def price_units(cell: object) -> int:
    """A price in ten-thousandths. An xlsx stores decimals as floats, so a float is rounded to four decimals."""
    number = f"{cell:.{MONEY_DECIMALS}f}" if isinstance(cell, float) else (text(cell) or "").strip()
    if not _NUMBER.fullmatch(number):
        raise ValueError(f"{shown(cell)} is not a price")
    try:
        price = Decimal(number)
        units = to_money_units(price)
    except (InvalidOperation, ValueError):
        raise ValueError(f"{shown(cell)} is not a price of at most {MONEY_DECIMALS} decimals") from None
    if abs(price) >= MAX_NUMBER:
        raise ValueError(f"{shown(cell)} is too high a price")
    return units


def moment(cell: object) -> datetime:
    """A moment in UTC; a time without zone is taken as UTC. ``2009-12-01 07:45``, or ``12/1/2009 7:45``."""
    when = cell if isinstance(cell, datetime) else _parsed_moment(cell)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _parsed_moment(cell: object) -> datetime:
    written = cell.strip() if isinstance(cell, str) else ""
    if written[:1].isdigit() and "/" not in written:
        try:
            return datetime.fromisoformat(written)
        except ValueError:
            pass
    for form in _AMERICAN:
        try:
            return datetime.strptime(written, form)  # noqa: DTZ007 (the caller sets the zone)
        except ValueError:
            continue
    raise ValueError(f"{shown(cell)} is not a date and time such as 2009-12-31 07:45 or 12/31/2009 7:45")


def shown(cell: object) -> str:
    """A cell for an error message: one line of at most ``MAX_TEXT`` characters."""
    shown = repr(str(cell)) if cell is not None else "nothing"
    return shown if len(shown) <= MAX_TEXT else f"{shown[: MAX_TEXT - 4]}...'"


# The canonical columns that a file must have: the parser of a cell, and the dtype of the column.
PARSERS: dict[str, tuple[Callable[[object], Any], Any]] = {
    "invoice": (identifier, "str"),
    "stock_code": (stock_code, "str"),
    "description": (text, "str"),
    "quantity": (quantity, "int64"),
    "occurred_at": (moment, "datetime64[us, UTC]"),
    "price_units": (price_units, "int64"),
    "customer": (customer, "str"),
    "country": (label, "str"),
}
