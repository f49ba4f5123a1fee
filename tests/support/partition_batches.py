"""A partition task at work: it applies a log in batches of chosen sizes, or dies in the middle."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from stream_app.core.apply import PartitionProgress
from stream_app.core.decode import MicroBatch
from stream_app.partitions.partition_task import PartitionTask
from stream_app.storage.connection import Database
from stream_app.storage.unit_of_work import PartitionStore
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import Record
from tests.support.partition_tasks import PATIENCE, anywhere, claimed, claiming, committed, wait_for, worker_context

Dies = Literal["before a commit", "after a commit"]
NewStore = Callable[[Database, int], PartitionStore]


class DyingStore(PartitionStore):
    """Hangs before or after it commits a slice: one of this many without a single batch of records."""

    def __init__(self, slices: int, dies: Dies, database: Database, partition: int) -> None:
        super().__init__(database, partition)
        self._slices, self._dies, self._saved = slices, dies, 0
        self.hanging = asyncio.Event()

    async def save(self, batch: MicroBatch, *arguments: Any, **named: Any) -> PartitionProgress:
        """Save as a store does, or never return."""
        assert not batch.records
        if self._saved == self._slices and self._dies == "before a commit":
            await self._hang()
        saved = await super().save(batch, *arguments, **named)
        self._saved += 1
        if self._saved == self._slices and self._dies == "after a commit":
            await self._hang()
        return saved

    async def _hang(self) -> None:
        self.hanging.set()
        await asyncio.Event().wait()


def batching_task(
    database: str, topic: ChangeTopic, batch_size: int, new_store: NewStore = PartitionStore
) -> PartitionTask:
    """A task whose batches and slices have at most this many records or customers."""
    worker = worker_context(database, topic)
    config = replace(worker.config, batch_size=batch_size)
    return PartitionTask(replace(worker, config=config), 0, anywhere, new_store=new_store)


async def apply_up_to(task: PartitionTask, database: str, records: Sequence[Record], ends: Sequence[int]) -> None:
    """Let a claimed task apply records from the stored next offset on, in batches that end before some offsets."""
    for end in ends:
        if some := [record for record in records[:end] if record.offset >= task.next_offset]:
            task.offer(some)
            await wait_for(partial(_has_committed, database, end))


async def apply_until(
    settled: Callable[[str], bool], database: str, batch_size: int, records: Sequence[Record], ends: Sequence[int]
) -> None:
    """Apply a log as :func:`apply_up_to` does, and stop once ``settled`` is true of the database."""
    task = batching_task(database, ChangeTopic(), batch_size)
    async with claiming(task):
        await apply_up_to(task, database, records, ends)
        await wait_for(partial(settled, database))


async def die_between_slices(
    database: str,
    topic: ChangeTopic,
    batch_size: int,
    records: Callable[[int], Sequence[Record]],
    slices: int,
    dies: Dies,
) -> None:
    """Offer records from the next offset on once the partition is claimed, and die after this many slices.

    Not a single batch of records is applied.
    """
    stores: list[DyingStore] = []

    def new_store(database: Database, partition: int) -> DyingStore:
        stores.append(DyingStore(slices, dies, database, partition))
        return stores[-1]

    task = batching_task(database, topic, batch_size, new_store)
    runner = asyncio.create_task(task.run())
    await claimed(task)
    task.offer(records(task.next_offset))
    await asyncio.wait_for(stores[0].hanging.wait(), PATIENCE)
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)
    await task.close()


def _has_committed(database: str, end: int) -> bool:
    return committed(database)[0] >= end
