"""The outbox of a partition in memory."""

from collections.abc import Sequence
from typing import Any

from data.contract.change_row import ChangeRow
from data.postgres.erasures import Forgotten
from stream_app.core.apply import PartitionProgress
from stream_app.storage.outbox import ChangeKey


class CommittedChanges:
    """Has the methods of :class:`stream_app.storage.outbox.Outbox` that a relay uses.

    ``published_position`` is the one that is stored, ``changes_ahead`` are the numbers that were stored.
    """

    def __init__(self) -> None:
        self.rows: list[ChangeRow] = []
        self.published_position = 0
        self.changes_ahead: list[int] = []
        self.forgotten_customers = Forgotten(b"key")

    def __call__(self, database_url: str, partition: int, table: Any = None) -> "CommittedChanges":
        """The outbox, wherever it is created."""
        return self

    def commit(self, number: int) -> list[ChangeRow]:
        """Commit the first changes of some more customers, and return them."""
        first = self._last + 1
        return self.add([change(f"c{at}", 1) for at in range(first, first + number)])

    def add(self, changes: Sequence[ChangeRow]) -> list[ChangeRow]:
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
        return PartitionProgress(0, "log", 0, 1, 0, "m", 0, self._last, self.published_position)

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

    async def unpublished_changes(self, after: int, limit: int) -> list[ChangeRow]:
        """The changes behind a position."""
        return [row for row in self.rows if row.position > after][:limit]

    async def save_changes_ahead(self, claim: PartitionProgress, changes: int) -> None:
        """Store how many changes the topic has that Postgres does not have."""
        self.changes_ahead.append(changes)


def change(customer: str, sequence: int) -> ChangeRow:
    """A customer's change, still without a position."""
    return ChangeRow(0, customer, sequence, None, "x", "decay", sequence, 1, 1, 1, "m", None)


def _key(row: ChangeRow) -> ChangeKey:
    return ChangeKey(row.customer_id, row.sequence)
