"""Filters of risk changes: what SEGUE_WEBHOOK_WHERE can say of one."""

from collections.abc import Callable
from decimal import Decimal
from typing import get_args, get_type_hints

from data.contract.events import RiskChange
from models.rhythm.risk import RISK_STATES
from services import filter_language
from services.filter_language import Field, moment, number, one_of

RiskFilter = Callable[[RiskChange], bool]

CAUSES: tuple[str, ...] = get_args(get_type_hints(RiskChange)["cause"])


def parse(text: str) -> RiskFilter:
    """Parse a filter.

    Raises
    ------
    FilterError
        If the text is not a filter of risk changes.
    """
    return filter_language.parse(text, "risk changes", "to = overdue", _FIELDS).matches


_state = one_of(RISK_STATES)
_FIELDS: dict[str, Field[RiskChange]] = {
    "customer": Field(lambda change: change.customer_id, str, ordered=False),
    "sequence": Field(lambda change: Decimal(change.sequence), number, ordered=True),
    "from": Field(lambda change: change.from_, _state, ordered=False),
    "to": Field(lambda change: change.to, _state, ordered=False),
    "cause": Field(lambda change: change.cause, one_of(CAUSES), ordered=False),
    "effective_at": Field(lambda change: change.effective_at, moment, ordered=True),
    "frequency": Field(lambda change: Decimal(change.frequency), number, ordered=True),
    "last_purchase_at": Field(lambda change: change.last_purchase_at, moment, ordered=True),
    "next_state": Field(lambda change: change.next_state, _state, ordered=False),
    "next_at": Field(lambda change: change.next_at, moment, ordered=True),
    "rhythm_version": Field(lambda change: change.rhythm_version, str, ordered=False),
    "transaction": Field(lambda change: change.transaction_id, str, ordered=False),
}
