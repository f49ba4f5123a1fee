"""The outbox: the committed changes and dead letters of a partition, and which of them are published.

Segment changes and risk changes are in tables of their own, each with positions of their own.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from data.contract.change_row import ChangeRow
from data.contract.risk_row import RiskRow
from data.postgres.erasures import Forgotten
from stream_app.core.apply import PartitionProgress
from stream_app.core.decode import DeadLetter
from stream_app.storage import sql_values
from stream_app.storage import statements as sql
from stream_app.storage.claim import ClaimStore, FencedError
from stream_app.storage.connection import Database

_CUSTOMERS = 5_000


class AheadOfPostgres(NamedTuple):
    """How many changes and risk changes the topics have that Postgres does not have; None if that is not known."""

    changes: int | None = None
    risk_changes: int | None = None


_NOT_KNOWN = AheadOfPostgres()


class ChangeKey(NamedTuple):
    """What identifies a change in every replay of the log."""

    customer_id: str
    sequence: int


class PublishedChange(Protocol):
    """The change in a published event of either kind."""

    @property
    def customer_id(self) -> str:
        """The customer."""

    @property
    def sequence(self) -> int:
        """The number among the customer's changes of this kind."""

    @property
    def effective_at(self) -> datetime:
        """The moment at which the change became true."""


class OutboxTable(NamedTuple):
    """How one kind of row is stored.

    ``row`` makes a row of the columns that ``unpublished`` selects, and ``to`` is what the column of that name must
    contain for a published change. The other fields are statements.
    """

    row: Callable[..., Any]
    to: Callable[[Any], str | None]
    unpublished: str
    position: str
    change_at: str
    sequences: str
    save_ahead: str


OUTBOX_OF_CHANGES = OutboxTable(
    row=ChangeRow,
    to=lambda change: str(change.to.id),
    unpublished=sql.OUTBOX,
    position=sql.POSITION,
    change_at=sql.CHANGE_AT,
    sequences=sql.SEQUENCES,
    save_ahead=sql.SAVE_CHANGES_AHEAD,
)
OUTBOX_OF_RISK = OutboxTable(
    row=RiskRow,
    to=lambda change: None if change.to is None else str(change.to),
    unpublished=sql.RISK_OUTBOX,
    position=sql.RISK_POSITION,
    change_at=sql.RISK_CHANGE_AT,
    sequences=sql.RISK_SEQUENCES,
    save_ahead=sql.SAVE_RISK_CHANGES_AHEAD,
)


class Outbox(ClaimStore):
    """The outbox of one partition, over a connection of its own. One task at a time may use it.

    The methods that do not say otherwise are about the rows of ``table``.
    """

    def __init__(self, database: Database, partition: int, table: OutboxTable = OUTBOX_OF_CHANGES) -> None:
        super().__init__(database, partition)
        self._table = table

    async def unpublished_changes(self, after: int, limit: int) -> list[Any]:
        """At most ``limit`` changes and tombstones of the outbox behind a position, in order."""
        parameters = {"partition": self._partition, "after": after, "limit": limit}
        async with self._connection.transaction():
            await self._cursor.execute(self._table.unpublished, parameters)
            return [self._table.row(*row) for row in await self._cursor.fetchall()]

    async def position_of(self, change: PublishedChange) -> int | None:
        """The position of a change in the partition's outbox; None if the outbox does not have exactly this change."""
        parameters = {
            "partition": self._partition,
            "customer_id": change.customer_id,
            "sequence": change.sequence,
            "effective_at": change.effective_at,
            "to": self._table.to(change),
        }
        async with self._connection.transaction():
            row = await (await self._connection.execute(self._table.position, parameters)).fetchone()
        return None if row is None else int(row[0])

    async def change_at(self, position: int) -> ChangeKey | None:
        """The customer and the sequence of the change at a position, or None if the outbox has no such change.

        If customers of the partition were forgotten, the change may be gone: then that of the last change before it.
        """
        parameters = {"partition": self._partition, "position": position}
        async with self._connection.transaction():
            row = await (await self._connection.execute(self._table.change_at, parameters)).fetchone()
        return None if row is None else ChangeKey(*row)

    async def forgotten(self) -> Forgotten:
        """The forgotten customers of the partition."""
        async with self._connection.transaction():
            key = await (await self._connection.execute(sql.ERASURE_KEY)).fetchone()
            query = await self._connection.execute(sql.FORGOTTEN, {"partition": self._partition})
            hashes = await query.fetchall()
        return Forgotten(key[0] if key is not None else b"", {row[0] for row in hashes})

    async def sequences(self, customers: Sequence[str], position: int) -> list[tuple[str, int]]:
        """Customers with the highest sequence that each of them has in the outbox up to a position."""
        found: list[tuple[str, int]] = []
        for start in range(0, len(customers), _CUSTOMERS):
            page = sql_values.text(customers[start : start + _CUSTOMERS])
            parameters = {"partition": self._partition, "position": position, "customer": page}
            async with self._connection.transaction():
                found += await (await self._connection.execute(self._table.sequences, parameters)).fetchall()
        return found

    async def save_changes_ahead(self, claim: PartitionProgress, changes: int) -> None:
        """Store how many changes the topic has that Postgres does not have, for those who look at the stream."""
        parameters = {"partition": self._partition, "epoch": claim.epoch, "changes": changes}
        async with self._connection.transaction():
            await self._connection.execute(self._table.save_ahead, parameters)

    async def unpublished_dead_letters(self, log_id: str) -> list[DeadLetter]:
        """Dead letters of the partition that are not marked as published, those of former logs first."""
        async with self._connection.transaction():
            await self._cursor.execute(sql.UNPUBLISHED_DEAD_LETTERS, {"partition": self._partition, "log_id": log_id})
            rows = await self._cursor.fetchall()
        return [DeadLetter(offset, reason, key, value, log_id=of) for offset, reason, key, value, of in rows]

    async def save_published(
        self,
        progress: PartitionProgress,
        position: int,
        dead_letters: bool,
        risk_position: int | None = None,
        ahead: AheadOfPostgres = _NOT_KNOWN,
    ) -> PartitionProgress:
        """Publishing, step 7: save the positions up to which segment changes and risk changes are published.

        Without a ``risk_position`` that of ``progress`` stays. With ``dead_letters``, all dead letters before the next
        offset are marked as published, too. What is ``ahead`` is stored again: an older copy of Postgres with the same
        progress may have other numbers.

        Raises
        ------
        FencedError
            If another worker has claimed the partition, or Postgres was set back and no longer has ``progress``.
        """
        risk = progress.risk_published_position if risk_position is None else risk_position
        parameters = {
            "partition": self._partition,
            "epoch": progress.epoch,
            "position": position,
            "risk_published_position": risk,
            "log_id": progress.log_id,
            "next_offset": progress.next_offset,
            "change_position": progress.change_position,
            "risk_position": progress.risk_position,
            "changes_ahead": ahead.changes,
            "risk_changes_ahead": ahead.risk_changes,
        }
        async with self._connection.transaction():
            await self._cursor.execute(sql.MARK_PUBLISHED, parameters)
            if self._cursor.rowcount != 1:
                raise FencedError(
                    f"partition {self._partition} was claimed by another worker, or Postgres was set back"
                )
            await self._cursor.execute(sql.CLEAR_TOMBSTONES, parameters)
            if dead_letters:
                await self._cursor.execute(sql.MARK_DEAD_LETTERS_PUBLISHED, parameters)
        return replace(progress, published_position=position, risk_published_position=risk)
