"""A small language to filter segment changes: ``to = At Risk and monetary > 1000``.

::

    any        = all { "or" all }
    all        = one { "and" one }
    one        = "(" any ")" | FIELD OPERATOR VALUE
    OPERATOR   = "=" | "!=" | ">=" | ">" | "<=" | "<"

A value is in quotes, or extends to the next ``and``, ``or`` or bracket. ``none`` is null. No other code is evaluated.
"""

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, get_args

from msgspec import UNSET, UnsetType

from data.contract.events import Cause, SegmentChange, SegmentRef

Filter = Callable[[SegmentChange], bool]

CAUSES: tuple[str, ...] = get_args(get_args(Cause)[0])

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


class _Field(NamedTuple):
    """How to read a field of a change, how to parse a value for it, and whether values have an order."""

    take: Callable[[SegmentChange], Any]
    read: Callable[[str], Any]
    ordered: bool


def parse(text: str) -> Filter:
    """Parse a filter.

    Raises
    ------
    FilterError
        If the text is not a filter.
    """
    return _Parser(text).whole()


def segments(text: str) -> frozenset[str]:
    """Return the names of segments that a filter compares with, as they are written.

    Raises
    ------
    FilterError
        If the text is not a filter.
    """
    parser = _Parser(text)
    parser.whole()
    return frozenset(parser.segments)


class _Parser:
    """A recursive descent parser with one method for each line of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._index = 0
        self._depth = 0
        self.segments: set[str] = set()

    def whole(self) -> Filter:
        chosen = self._any()
        if self._remaining():
            raise FilterError(f"expected `and`, `or` or the end, not {self._rest()}")
        return chosen

    def _any(self) -> Filter:
        choices = [self._all()]
        while self._accept("or"):
            choices.append(self._all())
        return choices[0] if len(choices) == 1 else lambda change: any(choice(change) for choice in choices)

    def _all(self) -> Filter:
        parts = [self._one()]
        while self._accept("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda change: all(part(change) for part in parts)

    def _one(self) -> Filter:
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

    def _comparison(self) -> Filter:
        found = _COMPARISON.match(self._text, self._index)
        if found is None:
            raise FilterError(f"expected a comparison like `monetary > 1000`, not {self._rest()}")
        self._index = found.end()
        value = next(found[group] for group in ("double", "single", "bare") if found[group] is not None)
        is_null = found["bare"] is not None and value.lower() == _NONE
        if found["field"].lower() in ("from", "to") and not is_null:
            self.segments.add(value)
        return _comparison(found["field"].lower(), found["operator"], None if is_null else value)

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


def _comparison(name: str, sign: str, value: str | None) -> Filter:
    field = _FIELDS.get(name)
    if field is None:
        raise FilterError(f"changes have no field `{name}`; they have {', '.join(_FIELDS)}")
    if sign not in ("=", "!=") and (value is None or not field.ordered):
        raise FilterError(f"`{name} {sign} {_NONE if value is None else value}` has no meaning: use = or !=")
    compare, take = _OPERATORS[sign], field.take
    if value is None:
        return lambda change: compare(take(change), None)
    try:
        expected = field.read(value)
    except ValueError as error:
        raise FilterError(f"`{name}` is compared with {error}, not `{' '.join(value.split())}`") from error

    def matches(change: SegmentChange) -> bool:
        actual = take(change)
        # An absent value is neither less nor greater than any other.
        return sign == "!=" if actual is None else compare(actual, expected)

    return matches


class _SegmentName(str):
    """Compares equal to a segment with this id or persona, ignoring case."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SegmentRef) and self.casefold() in (other.id.casefold(), other.persona.casefold())

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _cause(text: str) -> str:
    if text.lower() not in CAUSES:
        raise ValueError(f"one of {', '.join(CAUSES)}")
    return text.lower()


def _number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError("a number")
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError("a number") from error


def _amount(text: str | UnsetType) -> Decimal | None:
    return None if text is UNSET else Decimal(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("a day or a moment like 2010-12-01 or 2010-12-01T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_FIELDS = {
    "customer": _Field(lambda change: change.customer_id, str, ordered=False),
    "sequence": _Field(lambda change: Decimal(change.sequence), _number, ordered=True),
    "from": _Field(lambda change: change.from_, _SegmentName, ordered=False),
    "to": _Field(lambda change: change.to, _SegmentName, ordered=False),
    "cause": _Field(lambda change: change.cause, _cause, ordered=False),
    "effective_at": _Field(lambda change: change.effective_at, _moment, ordered=True),
    "recency_days": _Field(lambda change: Decimal(change.recency_days), _number, ordered=True),
    "frequency": _Field(lambda change: Decimal(change.frequency), _number, ordered=True),
    "monetary": _Field(lambda change: Decimal(change.monetary), _number, ordered=True),
    "gross": _Field(lambda change: _amount(change.gross), _number, ordered=True),
    "returned": _Field(lambda change: _amount(change.returned), _number, ordered=True),
    "model_version": _Field(lambda change: change.model_version, str, ordered=False),
    "transaction": _Field(lambda change: change.transaction_id, str, ordered=False),
}
