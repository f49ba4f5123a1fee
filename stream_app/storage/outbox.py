"""The outbox: the committed changes and dead letters of a partition, and which of them are published."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from data.contract.change_row import ChangeRow
from data.contract.events import SegmentChange
from data.postgres.erasures import Forgotten
from stream_app.core.apply import PartitionProgress
from stream_app.core.decode import DeadLetter
from stream_app.storage import sql_values
from stream_app.storage import statements as sql
from stream_app.storage.claim import ClaimStore, FencedError

_CUSTOMERS = 5_000


class ChangeKey(NamedTuple):
    """What identifies a change in every replay of the log."""

    customer_id: str
    sequence: int


class Outbox(ClaimStore):
    """The outbox of one partition, over a connection of its own. One task at a time may use it."""

    async def unpublished_changes(self, after: int, limit: int) -> list[ChangeRow]:
        """At most ``limit`` changes and tombstones of the outbox behind a position, in order."""
        async with self._connection.transaction():
            await self._cursor.execute(sql.OUTBOX, {"partition": self._partition, "after": after, "limit": limit})
            return [ChangeRow(*row) for row in await self._cursor.fetchall()]

    async def position_of(self, change: SegmentChange) -> int | None:
        """The position of a change in the partition's outbox; None if the outbox does not have exactly this change."""
        parameters = {
            "partition": self._partition,
            "customer_id": change.customer_id,
            "sequence": change.sequence,
            "effective_at": change.effective_at,
            "to_segment": change.to.id,
        }
        async with self._connection.transaction():
            row = await (await self._connection.execute(sql.POSITION, parameters)).fetchone()
        return None if row is None else int(row[0])

    async def change_at(self, position: int) -> ChangeKey | None:
        """The customer and the sequence of the change at a position, or None if the outbox has no such change.

        If customers of the partition were forgotten, the change may be gone: then that of the last change before it.
        """
        parameters = {"partition": self._partition, "position": position}
        async with self._connection.transaction():
            row = await (await self._connection.execute(sql.CHANGE_AT, parameters)).fetchone()
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
                found += await (await self._connection.execute(sql.SEQUENCES, parameters)).fetchall()
        return found

    async def save_changes_ahead(self, claim: PartitionProgress, changes: int) -> None:
        """Store how many changes the topic has that Postgres does not have, for those who look at the stream."""
        parameters = {"partition": self._partition, "epoch": claim.epoch, "changes": changes}
        async with self._connection.transaction():
            await self._connection.execute(sql.SAVE_CHANGES_AHEAD, parameters)

    async def unpublished_dead_letters(self, log_id: str) -> list[DeadLetter]:
        """Dead letters of the partition that are not marked as published, those of former logs first."""
        async with self._connection.transaction():
            await self._cursor.execute(sql.UNPUBLISHED_DEAD_LETTERS, {"partition": self._partition, "log_id": log_id})
            rows = await self._cursor.fetchall()
        return [DeadLetter(offset, reason, key, value, log_id=of) for offset, reason, key, value, of in rows]

    async def mark_published(self, progress: PartitionProgress, position: int, dead_letters: bool) -> PartitionProgress:
        """Publishing, step 7: save the position up to which changes are published.

        With ``dead_letters``, all dead letters before the next offset are marked as published, too.

        Raises
        ------
        FencedError
            If another worker has claimed the partition, or Postgres was set back and no longer has ``progress``.
        """
        parameters = {
            "partition": self._partition,
            "epoch": progress.epoch,
            "position": position,
            "log_id": progress.log_id,
            "next_offset": progress.next_offset,
            "change_position": progress.change_position,
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
        return replace(progress, published_position=position)
