"""Customers' ids that were typed or came with a URL: untrusted input."""

import re
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import ColumnElement, and_

from runtime.readable import from_visible

LONGEST = 64
Found = TypeVar("Found")
_NEVER_STORED = re.compile("[\x00\ud800-\udfff]")
_LAST = "\U0010ffff"


def cleaned(typed: str | None) -> str:
    """The text without what an id cannot contain: control characters, surrounding blanks, anything after 64 characters.

    >>> cleaned(" 123\\x0045 "), cleaned(None)
    ('12345', '')
    """
    return "".join(character for character in typed or "" if character.isprintable()).strip()[:LONGEST]


def readings(typed: str | None) -> list[str]:
    """The ids that a text may mean, the likeliest first: itself, the id that pages show so, and the cleaned text.

    >>> readings(" 12347")
    [' 12347', '12347']
    """
    # Postgres stores neither null characters nor halves of a surrogate pair.
    raw = _NEVER_STORED.sub("", typed or "")
    meant = (raw, _NEVER_STORED.sub("", from_visible(raw)), cleaned(typed))
    return [text for text in dict.fromkeys(meant) if text.strip() and len(text) <= LONGEST]


def resolve(typed: str | None, find: Callable[[str], Found | None]) -> tuple[str, Found | None]:
    """The first reading of a typed id that ``find`` finds; the cleaned text and None if it finds none."""
    for text in readings(typed):
        if (found := find(text)) is not None:
            return text, found
    return cleaned(typed), None


def begins_with(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Whether an id begins with a prefix, as a range that the primary key's index can answer."""
    return and_(column >= prefix, column < prefix + _LAST)
