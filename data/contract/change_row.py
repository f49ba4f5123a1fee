"""A segment change as a row, from which its event is made."""

from typing import Any, NamedTuple, Self

from models.units import to_micros, to_money_units


class ChangeRow(NamedTuple):
    """One segment change at its position in the partition's outbox; micros and money units."""

    position: int
    customer_id: str
    sequence: int
    from_segment: str | None
    to_segment: str
    cause: str
    effective_at: int
    recency_days: int
    frequency: int
    monetary: int
    model_version: str
    transaction_id: str | None

    @classmethod
    def of(cls, stored: Any) -> Self:
        """The change in a row of ``segment_changes``, with its moments in micros and its money in ten-thousandths."""
        values = {name: getattr(stored, name) for name in cls._fields}
        exact = {"effective_at": to_micros(stored.effective_at), "monetary": to_money_units(stored.monetary)}
        return cls(**values | exact)
