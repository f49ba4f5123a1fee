"""The outbox of a partition in memory."""

from collections.abc import Callable, Sequence
from typing import Any

from data.contract.change_row import ChangeRow
from data.contract.risk_row import RiskRow
from data.postgres.erasures import Forgotten
from stream_app.core.apply import PartitionProgress
from stream_app.storage.outbox import ChangeKey


class CommittedChanges:
    """Has the methods of :class:`stream_app.storage.outbox.Outbox` that a relay uses.

    ``published_position`` is the one that is stored, ``changes_ahead`` are the numbers that were stored. ``new_row``
    makes a customer's row with a sequence: a segment change, or a risk change.
    """

    def __init__(self, new_row: Callable[[str, int], Any] | None = None) -> None:
        self._new_row = new_row or change
        self.rows: list[Any] = []
        self.published_position = 0
        self.changes_ahead: list[int] = []
        self.forgotten_customers = Forgotten(b"key")

    def commit(self, number: int) -> list[Any]:
        """Commit the first changes of some more customers, and return them."""
        first = self._last + 1
        return self.add([self._new_row(f"c{at}", 1) for at in range(first, first + number)])

    def add(self, changes: Sequence[Any]) -> list[Any]:
        """Commit changes behind the ones that are there, and return them at their positions."""
        new = [row._replace(position=at) for at, row in enumerate(changes, self._last + 1)]
        self.rows += new
        return new

    @property
    def _last(self) -> int:
        return self.rows[-1].position if self.rows else 0

    async def open(self) -> None:
        """Connect."""

    async def close(self) -> None:
        """Disconnect."""

    async def progress(self, claim: PartitionProgress) -> PartitionProgress:
        """The stored progress; the claim always holds."""
        last, published = self._last, self.published_position
        return PartitionProgress(
            0, "log", 0, 1, 0, "m", 0, last, published, risk_position=last, risk_published_position=published
        )

    async def change_at(self, position: int) -> ChangeKey | None:
        """The change at a position, or the last one before it."""
        return next((_key(row) for row in reversed(self.rows) if row.position <= position), None)

    async def forgotten(self) -> Forgotten:
        """The forgotten customers."""
        return self.forgotten_customers

    def forget(self, customer: str) -> list[ChangeRow]:
        """Delete a customer's changes, and return the tombstone at its position."""
        position = self.rows[-1].position + 1
        tombstone = ChangeRow.tombstone(position, customer)
        self.rows = [*(row for row in self.rows if row.customer_id != customer), tombstone]
        self.forgotten_customers.hashes.add(self.forgotten_customers.hash(customer))
        return [tombstone]

    async def sequences(self, customers: Sequence[str], position: int) -> list[tuple[str, int]]:
        """Sequences of customers up to a position; the last of each customer is the highest."""
        asked = set(customers)
        return [
            (row.customer_id, row.sequence)
            for row in self.rows
            if row.position <= position and row.customer_id in asked
        ]

    async def position_of(self, change: Any) -> int | None:
        """The position of a change."""
        return next((row.position for row in self.rows if _key(row) == (change.customer_id, change.sequence)), None)

    async def unpublished_changes(self, after: int, limit: int) -> list[Any]:
        """The changes behind a position."""
        return [row for row in self.rows if row.position > after][:limit]

    async def save_changes_ahead(self, claim: PartitionProgress, changes: int) -> None:
        """Store how many changes the topic has that Postgres does not have."""
        self.changes_ahead.append(changes)


class CommittedRiskChanges(CommittedChanges):
    """An outbox of risk changes, in which a forgotten customer leaves a gap and no tombstone."""

    def __init__(self) -> None:
        super().__init__(risk_change)
        self._highest = 0

    @property
    def _last(self) -> int:
        self._highest = max(self._highest, super()._last)
        return self._highest

    def forget(self, customer: str) -> list[Any]:
        """Delete a customer's risk changes; there is nothing to publish for it."""
        assert self._last > 0
        self.rows = [row for row in self.rows if row.customer_id != customer]
        self.forgotten_customers.hashes.add(self.forgotten_customers.hash(customer))
        return []


def risk_change(customer: str, sequence: int) -> RiskRow:
    """A customer's risk change, still without a position."""
    return RiskRow(0, customer, sequence, "due", "overdue", "silence", sequence, 2, 1, "presumed_lost", 9, "r", None)


def change(customer: str, sequence: int) -> ChangeRow:
    """A customer's change, still without a position."""
    return ChangeRow(0, customer, sequence, None, "x", "decay", sequence, 1, 1, 1, "m", None)


def _key(row: Any) -> ChangeKey:
    return ChangeKey(row.customer_id, row.sequence)
