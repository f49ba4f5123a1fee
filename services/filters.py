"""Filters of segment changes: what ``--where`` and SEGUE_WEBHOOK_WHERE can say of one."""

from collections.abc import Callable
from decimal import Decimal
from typing import get_args

from msgspec import UNSET, UnsetType

from data.contract.events import Cause, SegmentChange, SegmentRef
from services import filter_language
from services.filter_language import Field, Parsed, moment, number, one_of

Filter = Callable[[SegmentChange], bool]

CAUSES: tuple[str, ...] = get_args(get_args(Cause)[0])


def parse(text: str) -> Filter:
    """Parse a filter.

    Raises
    ------
    FilterError
        If the text is not a filter of segment changes.
    """
    return _parse(text).matches


def segments(text: str) -> frozenset[str]:
    """Return the names of segments that a filter compares with, as they are written.

    Raises
    ------
    FilterError
        If the text is not a filter of segment changes.
    """
    return frozenset(value for name, value in _parse(text).compared if name in ("from", "to"))


def _parse(text: str) -> Parsed[SegmentChange]:
    return filter_language.parse(text, "changes", "monetary > 1000", _FIELDS)


class _SegmentName(str):
    """Compares equal to a segment with this id or persona, ignoring case."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SegmentRef) and self.casefold() in (other.id.casefold(), other.persona.casefold())

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _amount(text: str | UnsetType) -> Decimal | None:
    return None if text is UNSET else Decimal(text)


_FIELDS: dict[str, Field[SegmentChange]] = {
    "customer": Field(lambda change: change.customer_id, str, ordered=False),
    "sequence": Field(lambda change: Decimal(change.sequence), number, ordered=True),
    "from": Field(lambda change: change.from_, _SegmentName, ordered=False),
    "to": Field(lambda change: change.to, _SegmentName, ordered=False),
    "cause": Field(lambda change: change.cause, one_of(CAUSES), ordered=False),
    "effective_at": Field(lambda change: change.effective_at, moment, ordered=True),
    "recency_days": Field(lambda change: Decimal(change.recency_days), number, ordered=True),
    "frequency": Field(lambda change: Decimal(change.frequency), number, ordered=True),
    "monetary": Field(lambda change: Decimal(change.monetary), number, ordered=True),
    "gross": Field(lambda change: _amount(change.gross), number, ordered=True),
    "returned": Field(lambda change: _amount(change.returned), number, ordered=True),
    "model_version": Field(lambda change: change.model_version, str, ordered=False),
    "transaction": Field(lambda change: change.transaction_id, str, ordered=False),
}
