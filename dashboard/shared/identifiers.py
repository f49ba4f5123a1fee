"""Customers' ids as people type them and as addresses carry them: from outside, and so never taken at their word."""

from sqlalchemy import Column, ColumnElement, and_

LONGEST = 64
_LAST = "\U0010ffff"


def cleaned(typed: str | None) -> str:
    """What was typed without what no id can hold: control characters, blanks around it, and more than 64 characters.

    >>> cleaned(" 123\\x0045 "), cleaned(None)
    ('12345', '')
    """
    return "".join(character for character in typed or "" if character.isprintable()).strip()[:LONGEST]


def begins_with(column: Column[str], prefix: str) -> ColumnElement[bool]:
    """Whether an id begins with a prefix, as a range of the primary key, which a pattern would not promise."""
    return and_(column >= prefix, column < prefix + _LAST)
