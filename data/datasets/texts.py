"""Parsers of cells that hold texts and ids. Each raises ``ValueError`` with a reason that begins with the cell."""

import re

from data.contract.bounds import MAX_ID_LENGTH
from data.contract.wire import UNSPECIFIED
from data.datasets.cells import shown, trimmed
from data.datasets.missing import MISSING

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# A column of floats holds 13085 as 13085.0.
_NAMIBIA = frozenset(("na",))
_FLOAT = re.compile(r"([+-]?\d{1,20})\.0+", re.ASCII)


def identifier(cell: str) -> str:
    """An id without blanks around it: not blank, of at most 64 characters, without control characters.

    >>> identifier(" 13085.0 "), identifier("017850")
    ('13085', '017850')
    """
    name = label(cell)
    if not name:
        raise ValueError("the cell is empty")
    match = _FLOAT.fullmatch(name)
    return match[1] if match else name


def country(cell: str) -> str:
    """A country as it is written, and ``Unspecified`` for a blank and for what stands for a missing value.

    >>> country("NULL"), country("NA")
    ('Unspecified', 'NA')
    """
    name = label(cell)
    return UNSPECIFIED if not name or name.lower() in MISSING - _NAMIBIA else name


def label(cell: str) -> str:
    """A short text without blanks around it and without control characters; it may be blank."""
    name = trimmed(cell)
    if len(name) > MAX_ID_LENGTH:
        raise ValueError(f"{shown(cell)} is longer than {MAX_ID_LENGTH} characters")
    if _CONTROL.search(name):
        raise ValueError(f"{shown(cell)} has control characters")
    return name


def keyword(cell: str) -> str:
    """A word such as a status, in lower case and without blanks around it, so that its spellings are one."""
    return trimmed(cell).lower()


def description(cell: str) -> str | None:
    """A text unchanged, None if it is empty."""
    return cell or None
