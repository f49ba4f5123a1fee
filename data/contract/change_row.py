"""A segment change as a row, from which its event is made."""

from typing import Any, NamedTuple, Self

from models.units import to_micros, to_money_units

_MONEY = ("monetary", "gross", "returned")


_ERASURE = "erasure"


class ChangeRow(NamedTuple):
    """One segment change at its position in the partition's outbox; micros and money units.

    ``gross`` and ``returned`` are None in rows that were written before their columns existed.
    """

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
    gross: int | None = None
    returned: int | None = None

    @classmethod
    def tombstone(cls, position: int, customer_id: str) -> Self:
        """The place of a forgotten customer's tombstone in the outbox."""
        return cls(position, customer_id, 0, None, "", _ERASURE, 0, 0, 0, 0, "", None)

    @property
    def is_tombstone(self) -> bool:
        """Whether this is no change, but the end of a forgotten customer's latest state."""
        return self.cause == _ERASURE

    @classmethod
    def of(cls, stored: Any) -> Self:
        """The change in a row of ``segment_changes``, with its moments in micros and its money in ten-thousandths."""
        values = {name: getattr(stored, name) for name in cls._fields}
        money = {name: to_money_units(values[name]) for name in _MONEY if values[name] is not None}
        return cls(**values | money | {"effective_at": to_micros(stored.effective_at)})
