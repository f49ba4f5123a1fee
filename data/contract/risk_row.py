"""A change of a risk state as a row, from which its event is made."""

from typing import NamedTuple


class RiskRow(NamedTuple):
    """One risk change at its position among the risk changes of its partition; moments in micros."""

    position: int
    customer_id: str
    sequence: int
    from_state: str | None
    to_state: str | None
    cause: str
    effective_at: int
    frequency: int
    last_purchase_at: int | None
    next_state: str | None
    next_at: int | None
    rhythm_version: str | None
    transaction_id: str | None

    @property
    def is_tombstone(self) -> bool:
        """Never: a forgotten customer's risk changes expire with their topic, which is not compacted."""
        return False
