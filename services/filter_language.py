"""A small language to filter what has fields: ``to = At Risk and monetary > 1000``.

::

    any        = all { "or" all }
    all        = one { "and" one }
    one        = "(" any ")" | FIELD OPERATOR VALUE
    OPERATOR   = "=" | "!=" | ">=" | ">" | "<=" | "<"

A value is in quotes, or extends to the next ``and``, ``or`` or bracket. ``none`` is null. No other code is evaluated.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")

_NONE = "none"
_DEEPEST = 50
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
_COMPARISON = re.compile(
    r"""\s* (?P<field>\w+) \s* (?P<operator>!=|>=|<=|=|>|<) \s*
    (?: "(?P<double>[^"]*)" | '(?P<single>[^']*)' | (?P<bare>[^\s"'()=<>!][^"'()=<>!]*?) )
    \s* (?= $ | \) | (?<=[\s"']) (?:and|or) \b )""",
    re.VERBOSE | re.IGNORECASE,
)
_WORD = re.compile(r"\s*(\(|\)|(?:and|or)\b|\w+|\S|$)", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


class FilterError(ValueError):
    """The text is not a filter; the message says on one line what is wrong."""


class Field(NamedTuple, Generic[T]):
    """How to read a field of a T, how to parse a value for it, and whether values have an order.

    ``read`` raises a ValueError that says what the field is compared with.
    """

    take: Callable[[T], Any]
    read: Callable[[str], Any]
    ordered: bool


class Parsed(NamedTuple, Generic[T]):
    """A filter, and every field with a value that it compares with, as they are written, without ``none``."""

    matches: Callable[[T], bool]
    compared: frozenset[tuple[str, str]]


def parse(text: str, what: str, example: str, fields: Mapping[str, Field[T]]) -> Parsed[T]:
    """Parse a filter of what has these fields.

    Parameters
    ----------
    what
        The plural that messages call it by, such as ``changes``.
    example
        A comparison with one of the fields, for the message about a text that is none.

    Raises
    ------
    FilterError
        If the text is not a filter.
    """
    parser = _Parser(text, what, example, fields)
    return Parsed(parser.whole(), frozenset(parser.compared))


def one_of(words: Sequence[str]) -> Callable[[str], str]:
    """A parser of one of some words in lower case."""

    def read(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text.lower()

    return read


def number(text: str) -> Decimal:
    """Parse a number."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("a number")
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError("a number") from error


def moment(text: str) -> datetime:
    """Parse a day or a moment; it is UTC without an offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("a day or a moment like 2010-12-01 or 2010-12-01T12:00:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class _Parser(Generic[T]):
    """A recursive descent parser with one method for each line of the grammar."""

    def __init__(self, text: str, what: str, example: str, fields: Mapping[str, Field[T]]) -> None:
        self._text = text
        self._what = what
        self._example = example
        self._fields = fields
        self._index = 0
        self._depth = 0
        self.compared: set[tuple[str, str]] = set()

    def whole(self) -> Callable[[T], bool]:
        chosen = self._any()
        if self._remaining():
            raise FilterError(f"expected `and`, `or` or the end, not {self._rest()}")
        return chosen

    def _any(self) -> Callable[[T], bool]:
        choices = [self._all()]
        while self._accept("or"):
            choices.append(self._all())
        return choices[0] if len(choices) == 1 else lambda one: any(choice(one) for choice in choices)

    def _all(self) -> Callable[[T], bool]:
        parts = [self._one()]
        while self._accept("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda one: all(part(one) for part in parts)

    def _one(self) -> Callable[[T], bool]:
        if not self._accept("("):
            return self._comparison()
        self._depth += 1
        if self._depth > _DEEPEST:
            raise FilterError(f"more than {_DEEPEST} nested brackets")
        inner = self._any()
        if not self._accept(")"):
            raise FilterError(f"a bracket is not closed: expected `)`, not {self._rest()}")
        self._depth -= 1
        return inner

    def _comparison(self) -> Callable[[T], bool]:
        found = _COMPARISON.match(self._text, self._index)
        if found is None:
            raise FilterError(f"expected a comparison like `{self._example}`, not {self._rest()}")
        self._index = found.end()
        value = next(found[group] for group in ("double", "single", "bare") if found[group] is not None)
        is_null = found["bare"] is not None and value.lower() == _NONE
        name = found["field"].lower()
        field = self._fields.get(name)
        if field is None:
            raise FilterError(f"{self._what} have no field `{name}`; they have {', '.join(self._fields)}")
        if not is_null:
            self.compared.add((name, value))
        return _comparison(name, field, found["operator"], None if is_null else value)

    def _accept(self, word: str) -> bool:
        found = _WORD.match(self._text, self._index)
        if found is None or found[1].lower() != word:
            return False
        self._index = found.end()
        return True

    def _remaining(self) -> str:
        return self._text[self._index :].strip()

    def _rest(self) -> str:
        rest = " ".join(self._remaining().split())
        return f"`{rest if len(rest) <= 40 else rest[:40] + '…'}`" if rest else "the end"


def _comparison(name: str, field: Field[T], sign: str, value: str | None) -> Callable[[T], bool]:
    if sign not in ("=", "!=") and (value is None or not field.ordered):
        raise FilterError(f"`{name} {sign} {_NONE if value is None else value}` has no meaning: use = or !=")
    compare, take = _OPERATORS[sign], field.take
    if value is None:
        return lambda one: compare(take(one), None)
    try:
        expected = field.read(value)
    except ValueError as error:
        raise FilterError(f"`{name}` is compared with {error}, not `{' '.join(value.split())}`") from error

    def matches(one: T) -> bool:
        actual = take(one)
        # An absent value is neither less nor greater than any other.
        return sign == "!=" if actual is None else compare(actual, expected)

    return matches
