"""Claims: which worker owns a partition, and the progress from which its owner continues.

A claim raises the partition's fencing epoch. A former owner can no longer write, since every commit compares the epoch.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Self

from psycopg import AsyncConnection, AsyncCursor
from psycopg.errors import ObjectNotInPrerequisiteState
from psycopg.rows import dict_row

from data.postgres.currency import compare
from data.postgres.schema_versions import SCHEMA_VERSION, SchemaVersionError
from models.units import to_micros
from runtime.record_fingerprint import RecordFingerprint
from stream_app.core.apply import PartitionProgress
from stream_app.core.columns import LONG_AGO
from stream_app.storage import statements as sql
from stream_app.storage.connection import Database, connector


class FencedError(Exception):
    """Another worker has claimed the partition; nothing was written."""


class ClaimStore:
    """A partition's progress, over a connection of its own. One task at a time may use it."""

    _connection: AsyncConnection[Any]
    _cursor: AsyncCursor[Any]

    def __init__(self, database: Database, partition: int) -> None:
        self._connect = connector(database)
        self._partition = partition
        self._open = False

    @classmethod
    async def connect(cls, database: Database, partition: int) -> Self:
        """A store with an open connection."""
        store = cls(database, partition)
        await store.open()
        return store

    async def open(self) -> None:
        """Connect, or connect again."""
        await self.close()
        self._connection = await self._connect(self._partition)
        self._open = True
        self._cursor = self._connection.cursor(binary=True)

    async def close(self) -> None:
        """Close the connection, if one is open; Postgres rolls an open transaction back."""
        if self._open:
            self._open = False
            await self._connection.close()

    async def claim(self, log_id: str, owner: str, currency: str | None = None) -> PartitionProgress:
        """Take the partition over, so that its former owner can no longer write.

        Postgres ends the former owner's connections first, and with them the locks of a worker that hangs in a
        transaction. A partition that was never claimed starts at offset 0 of ``log_id``; another one keeps its log id
        and next offset (:meth:`continue_in_log`). The first model of a partition is the champion; the log activates
        later models. Without a champion the partition has no model yet (:meth:`begin`). A ``currency`` is compared with
        that of the stream.

        Raises
        ------
        CurrencyError
            If the stream has another currency.
        SchemaVersionError
            If the database needs newer workers.
        """
        async with self._connection.transaction():
            await self._connection.execute(sql.END_PREDECESSORS)
        claim = {"partition": self._partition, "log_id": log_id, "owner": owner}
        async with self._connection.transaction():
            if currency is not None:
                row = await (await self._connection.execute(sql.CURRENCY)).fetchone()
                compare(None if row is None else row[0], currency)
            await self._connection.execute(sql.ANNOUNCE, {"schema_version": str(SCHEMA_VERSION)})
            try:
                return await self._progress(sql.CLAIM, claim)
            except ObjectNotInPrerequisiteState as error:
                raise SchemaVersionError(error.diag.message_primary or "") from None

    async def begin(self, known: PartitionProgress) -> PartitionProgress:
        """The progress of a partition without a model that is about to apply its first records.

        If there is a champion by now, it is the partition's first model. Otherwise the partition begins without a
        model, and only the log can give it one.

        Raises
        ------
        FencedError
            If another worker has claimed the partition.
        """
        try:
            return await self._progress(sql.BEGIN, {"partition": self._partition, "epoch": known.epoch})
        except LookupError:
            raise FencedError(f"partition {self._partition} was claimed by another worker") from None

    async def progress(self, known: PartitionProgress) -> PartitionProgress:
        """The stored progress of the partition; after a fault it shows whether the last commit succeeded.

        Raises
        ------
        FencedError
            If another worker has claimed the partition, or Postgres was set back to before its first claim.
        """
        try:
            stored = await self._progress(sql.PROGRESS, {"partition": self._partition})
        except LookupError:
            raise FencedError(f"Postgres was set back: no worker has claimed partition {self._partition} yet") from None
        if stored.epoch != known.epoch:
            raise FencedError(f"partition {self._partition} was claimed by another worker")
        return stored

    async def continue_in_log(
        self, progress: PartitionProgress, log_id: str, next_offset: int, fault: Mapping[str, Any] | None
    ) -> PartitionProgress:
        """Continue from an offset of a log, and store the fault that is the reason for it; returns the new progress.

        Ledger, profiles and watermark stay. ``fault`` has ``kind``, ``first_offset`` and ``end_offset``.

        Raises
        ------
        FencedError
            If another worker has claimed the partition.
        """
        parameters = {
            **(fault or {}),
            "partition": self._partition,
            "epoch": progress.epoch,
            "log_id": log_id,
            "next_offset": next_offset,
            "known_log_id": progress.log_id,
            "known_offset": progress.next_offset,
        }
        async with self._connection.transaction():
            updated = await self._connection.execute(sql.CONTINUE_IN_LOG, parameters)
            if updated.rowcount != 1:
                raise FencedError(f"partition {self._partition} was claimed by another worker")
            if fault is not None:
                await self._connection.execute(sql.ADD_LOG_FAULT, parameters)
        control_number = progress.control_number if log_id == progress.log_id else 0
        return replace(
            progress, log_id=log_id, next_offset=next_offset, last_record=None, control_number=control_number
        )

    async def _progress(self, query: str, parameters: dict[str, Any]) -> PartitionProgress:
        async with self._connection.transaction():
            cursor = self._connection.cursor(row_factory=dict_row)
            await cursor.execute(query, parameters)
            row = await cursor.fetchone()
        if row is None:
            raise LookupError(f"partition {self._partition} has no such progress")
        row["watermark"] = _micros(row.pop("event_time"))
        row["model_since"] = _micros(row["model_since"])
        last = RecordFingerprint(*(row.pop(f"last_{name}") for name in RecordFingerprint._fields))
        return PartitionProgress(**row, last_record=None if last.offset is None else last)


def _micros(moment: datetime | None) -> int:
    return LONG_AGO if moment is None else to_micros(moment)
