"""Customers' ids that were typed or came with a URL: untrusted input."""

from sqlalchemy import Column, ColumnElement, and_

LONGEST = 64
_LAST = "\U0010ffff"


def cleaned(typed: str | None) -> str:
    """The text without what an id cannot contain: control characters, surrounding blanks, anything after 64 characters.

    >>> cleaned(" 123\\x0045 "), cleaned(None)
    ('12345', '')
    """
    return "".join(character for character in typed or "" if character.isprintable()).strip()[:LONGEST]


def begins_with(column: Column[str], prefix: str) -> ColumnElement[bool]:
    """Whether an id begins with a prefix, as a range that the primary key's index can answer."""
    return and_(column >= prefix, column < prefix + _LAST)
