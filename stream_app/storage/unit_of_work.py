"""The unit of work: everything that one micro-batch changes, in one Postgres transaction per partition.

Ledger, profiles, changes, dead letters and the partition's next offset are written together, and only if nobody else
has moved the partition on since it was claimed: the progress row is updated by compare-and-set on epoch and offset.
A zombie's transaction fails as a whole.
"""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import dict_row

from data.contract.change_row import ChangeRow
from data.contract.events import SegmentChange
from models.segment_model import SegmentModel, from_json, to_json
from models.units import Ints, to_micros
from stream_app.core.apply import AppliedBatch, LedgerContent, LedgerKey, PartitionProgress, StoredState
from stream_app.core.columns import LONG_AGO, Profiles, SegmentNames
from stream_app.core.decode import DeadLetter, MicroBatch
from stream_app.storage import sql_values
from stream_app.storage import statements as sql
from stream_app.storage.arrays import register

#: How connections of workers to Postgres begin their name; the number of the partition that they are for follows.
APPLICATION = "segue-worker"

_SESSION: dict[str, Any] = {
    # For a worker that stands still and whose partition nobody takes over, who would end its transaction at once. (No
    # timeout of idle transactions would: the flush that psycopg sends after a pipeline's end disarms it.)
    "options": "-c transaction_timeout=2min",
    # A server that is gone without a word is found out, also by who waits for its answer.
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}


class FencedError(Exception):
    """Somebody else has claimed the partition since; nothing was written."""


class PartitionStore:
    """One partition's connection, once it is open. Not for use by two tasks at once."""

    _connection: AsyncConnection[Any]
    _cursor: AsyncCursor[Any]

    def __init__(self, database_url: str, partition: int) -> None:
        self._database_url = database_url
        self._partition = partition
        self._open = False

    @classmethod
    async def connect(cls, database_url: str, partition: int) -> "PartitionStore":
        """A store that is open."""
        store = cls(database_url, partition)
        await store.open()
        return store

    async def open(self) -> None:
        """Connect, or connect again."""
        await self.close()
        name = f"{APPLICATION} {self._partition}"
        self._connection = await AsyncConnection.connect(
            self._database_url, prepare_threshold=2, application_name=name, **_SESSION
        )
        self._open = True
        register(self._connection)
        self._cursor = self._connection.cursor(binary=True)

    async def close(self) -> None:
        """Give the connection back, if there is one; an open transaction is rolled back."""
        if self._open:
            self._open = False
            await self._connection.close()

    async def claim(self, log_id: str, owner: str) -> PartitionProgress:
        """Take the partition over: whoever held it before can't write any more.

        Its connections are ended, so that nobody waits for the locks of a worker that stands still in a transaction.
        A partition of a log that is new here is read from its beginning; what was learnt from earlier logs stays.
        The first model of a partition is the champion of the moment; later ones come by the log.
        """
        async with self._connection.transaction():
            await self._connection.execute(sql.END_PREDECESSORS)
        claim = {"partition": self._partition, "log_id": log_id, "owner": owner}
        return await self._progress(sql.CLAIM, claim)

    async def progress(self, known: PartitionProgress) -> PartitionProgress:
        """Where the partition stands by what is stored; asked after a fault, when a commit may or may not have held.

        Raises
        ------
        FencedError
            If somebody else has claimed it since.
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
        times = {
            name: LONG_AGO if row[name] is None else to_micros(row[name]) for name in ("event_time", "model_since")
        }
        return PartitionProgress(**{**row, **times})

    async def model(self, version: str) -> SegmentModel:
        """A registered model."""
        async with self._connection.transaction():
            row = await (await self._connection.execute(sql.MODEL, [version])).fetchone()
        if row is None:
            raise LookupError(f"model {version} is not registered")
        return from_json(row[0])

    async def personas(self) -> dict[str, str]:
        """Names of all segments that there have ever been, by id."""
        async with self._connection.transaction():
            return dict(await (await self._connection.execute(sql.PERSONAS)).fetchall())

    async def stored(self, batch: MicroBatch, model: SegmentModel, event_time: int) -> StoredState:
        """What is known of a batch's transactions and customers, and who decays by its newest tick."""
        customer_ids = list(dict.fromkeys(batch.customer_id))
        until = max(batch.until, event_time)
        async with self._connection.pipeline():
            known = self._connection.cursor(binary=True)
            await known.execute(
                sql.KNOWN,
                {
                    "customer": sql_values.text(batch.customer_id),
                    "transaction": sql_values.text(batch.transaction_id),
                },
            )
            parameters = {
                "customer": sql_values.text(customer_ids),
                "partition": self._partition,
                "until": sql_values.moment(until),
            }
            await self._cursor.execute(sql.PROFILES, parameters)
        ledger = {(row[0], row[1]): (row[2], row[3], row[4]) for row in await known.fetchall()}
        row = await self._cursor.fetchone()
        assert row is not None  # noqa: S101 - an aggregate always has a row
        return _stored(ledger, row, model)

    async def save(
        self,
        batch: MicroBatch,
        step: AppliedBatch,
        changes: list[ChangeRow],
        progress: PartitionProgress,
        published_position: int,
    ) -> PartitionProgress:
        """Write a step and its changes and move the partition on, or nothing at all.

        Raises
        ------
        FencedError
            If the partition is no longer ours or not where we left it.
        """
        after = _advanced(progress, batch, step, published_position)
        async with self._connection.pipeline():
            if step.applied:
                await self._cursor.execute(sql.ADD_TRANSACTIONS, sql_values.ledger(batch, step.applied))
            if len(step.profiles):
                await self._cursor.execute(sql.SAVE_PROFILES, sql_values.profiles(step, progress))
            if changes:
                await self._cursor.execute(sql.ADD_CHANGES, sql_values.changes(changes, progress))
            for letter in step.dead_letters:
                place = {"log_id": progress.log_id, "partition": progress.partition}
                await self._cursor.execute(sql.ADD_DEAD_LETTER, place | asdict(letter))
            if batch.model is not None:
                await self._cursor.execute(sql.ADD_MODEL, [batch.model.version, to_json(batch.model).decode()])
                if step.until != LONG_AGO:
                    over = {"partition": progress.partition, "until": sql_values.moment(step.until)}
                    await self._cursor.execute(sql.ADD_REIGN, over)
            await self._cursor.execute(sql.ADVANCE, sql_values.progress(progress, after, step))
        if self._cursor.rowcount != 1:
            await self._connection.rollback()
            raise FencedError(f"partition {self._partition} was claimed by another worker")
        await self._connection.commit()
        return after

    async def mark_published(self, progress: PartitionProgress, position: int, dead_letters: bool) -> PartitionProgress:
        """Note that changes up to a position, and perhaps all dead letters so far, are in their topics."""
        parameters = {
            "partition": self._partition,
            "epoch": progress.epoch,
            "position": position,
            "log_id": progress.log_id,
            "next_offset": progress.next_offset,
        }
        async with self._connection.transaction():
            await self._cursor.execute(sql.MARK_PUBLISHED, parameters)
            if dead_letters:
                await self._cursor.execute(sql.MARK_DEAD_LETTERS_PUBLISHED, parameters)
        return replace(progress, published_position=position)

    async def outdated(self, model: SegmentModel, limit: int, after: str = "") -> StoredState:
        """Some customers of the partition that are still under an older model, those next after a customer id.

        Going on from id to id reads the table once for all of them; from its beginning, once for each chunk.
        """
        parameters = {"partition": self._partition, "model_version": model.version, "limit": limit, "after": after}
        async with self._connection.transaction():
            await self._cursor.execute(sql.OUTDATED_PROFILES, parameters)
            row = await self._cursor.fetchone()
        return _stored({}, row, model)

    async def unpublished_changes(self, after: int, limit: int) -> list[ChangeRow]:
        """Changes of the partition past a position, in order."""
        async with self._connection.transaction():
            await self._cursor.execute(sql.OUTBOX, {"partition": self._partition, "after": after, "limit": limit})
            return [ChangeRow(*row) for row in await self._cursor.fetchall()]

    async def position(self, change: SegmentChange) -> int | None:
        """Where a change stands in the partition's outbox; None if it is not there, or another one."""
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

    async def unpublished_dead_letters(self, log_id: str) -> list[DeadLetter]:
        """Dead letters of the partition that are not known to be in their topic."""
        async with self._connection.transaction():
            await self._cursor.execute(sql.UNPUBLISHED_DEAD_LETTERS, {"partition": self._partition, "log_id": log_id})
            return [DeadLetter(*row) for row in await self._cursor.fetchall()]


def _stored(ledger: dict[LedgerKey, LedgerContent], row: tuple[Any, ...] | None, model: SegmentModel) -> StoredState:
    segments = SegmentNames(model)
    if row is None or row[0] is None:
        return StoredState(ledger, Profiles.newcomers([]), segments, np.empty(0, dtype=np.int64), [])

    def numbers(segment_ids: list[str | None]) -> Ints:
        return np.array([segments.number(segment_id) for segment_id in segment_ids], dtype=np.int64)

    *columns, partition, model_version = row
    profiles = Profiles(*columns)
    profiles = replace(profiles, segment=numbers(row[8]), next_segment=numbers(row[12]))
    return StoredState(ledger, profiles, segments, partition, model_version)


def _advanced(
    progress: PartitionProgress, batch: MicroBatch, step: AppliedBatch, published_position: int
) -> PartitionProgress:
    activated = batch.model is not None
    return replace(
        progress,
        next_offset=batch.next_offset,
        event_time=step.until,
        model_version=batch.model.version if batch.model is not None else progress.model_version,
        model_since=step.until if activated else progress.model_since,
        change_position=progress.change_position + len(step.changes),
        published_position=published_position,
    )
