"""Claims: which worker owns a partition, and the progress from which its owner continues.

A claim raises the partition's fencing epoch. A former owner can no longer write, since every commit compares the epoch.
"""

from datetime import datetime
from typing import Any, Self

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import dict_row

from models.units import to_micros
from stream_app.core.apply import PartitionProgress
from stream_app.core.columns import LONG_AGO
from stream_app.storage import statements as sql
from stream_app.storage.connection import connect


class FencedError(Exception):
    """Another worker has claimed the partition; nothing was written."""


class ClaimStore:
    """A partition's progress, over a connection of its own. One task at a time may use it."""

    _connection: AsyncConnection[Any]
    _cursor: AsyncCursor[Any]

    def __init__(self, database_url: str, partition: int) -> None:
        self._database_url = database_url
        self._partition = partition
        self._open = False

    @classmethod
    async def connect(cls, database_url: str, partition: int) -> Self:
        """A store with an open connection."""
        store = cls(database_url, partition)
        await store.open()
        return store

    async def open(self) -> None:
        """Connect, or connect again."""
        await self.close()
        self._connection = await connect(self._database_url, self._partition)
        self._open = True
        self._cursor = self._connection.cursor(binary=True)

    async def close(self) -> None:
        """Close the connection, if one is open; Postgres rolls an open transaction back."""
        if self._open:
            self._open = False
            await self._connection.close()

    async def claim(self, log_id: str, owner: str) -> PartitionProgress:
        """Take the partition over, so that its former owner can no longer write.

        Postgres ends the former owner's connections first, and with them the locks of a worker that hangs in a
        transaction. A partition of a new log continues from offset 0 and control number 0; ledger and profiles stay.
        The first model of a partition is the champion; later models come by the log.

        Raises
        ------
        LookupError
            If no champion is registered.
        """
        async with self._connection.transaction():
            await self._connection.execute(sql.END_PREDECESSORS)
        claim = {"partition": self._partition, "log_id": log_id, "owner": owner}
        return await self._progress(sql.CLAIM, claim)

    async def progress(self, known: PartitionProgress) -> PartitionProgress:
        """The stored progress of the partition; after a fault it shows whether the last commit succeeded.

        Raises
        ------
        FencedError
            If another worker has claimed the partition.
        """
        stored = await self._progress(sql.PROGRESS, {"partition": self._partition})
        if stored.epoch != known.epoch:
            raise FencedError(f"partition {self._partition} was claimed by another worker")
        return stored

    async def _progress(self, query: str, parameters: dict[str, Any]) -> PartitionProgress:
        async with self._connection.transaction():
            cursor = self._connection.cursor(row_factory=dict_row)
            await cursor.execute(query, parameters)
            row = await cursor.fetchone()
        if row is None or row["model_version"] is None:
            raise LookupError("no champion model is registered")
        row["watermark"] = _micros(row.pop("event_time"))
        row["model_since"] = _micros(row["model_since"])
        return PartitionProgress(**row)


def _micros(moment: datetime | None) -> int:
    return LONG_AGO if moment is None else to_micros(moment)
