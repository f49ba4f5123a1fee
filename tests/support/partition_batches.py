"""A partition task at work: it applies a log in batches of chosen sizes, or dies in the middle."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import pytest

from stream_app.core.decode import MicroBatch
from stream_app.partitions.partition_task import PartitionTask
from stream_app.storage.unit_of_work import PartitionStore
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import Record
from tests.support.partition_tasks import PATIENCE, anywhere, claimed, claiming, committed, wait_for, worker_context

Dies = Literal["before a commit", "after a commit"]


def batching_task(database: str, topic: ChangeTopic, batch_size: int) -> PartitionTask:
    """A task whose batches and slices have at most this many records or customers."""
    worker = worker_context(database, topic)
    return PartitionTask(replace(worker, config=replace(worker.config, batch_size=batch_size)), 0, anywhere)


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
    task: PartitionTask, records: Callable[[], Sequence[Record]], patch: pytest.MonkeyPatch, slices: int, dies: Dies
) -> None:
    """Offer records once the partition is claimed, and die after this many slices, without a batch of records."""
    save: Callable[..., Any] = PartitionStore.save
    hanging, saved = asyncio.Event(), 0

    async def save_some(store: PartitionStore, batch: MicroBatch, *arguments: Any) -> Any:
        nonlocal saved
        assert not batch.records
        if saved == slices and dies == "before a commit":
            hanging.set()
            await asyncio.Event().wait()
        progress = await save(store, batch, *arguments)
        saved += 1
        if saved == slices and dies == "after a commit":
            hanging.set()
            await asyncio.Event().wait()
        return progress

    patch.setattr(PartitionStore, "save", save_some)
    runner = asyncio.create_task(task.run())
    await claimed(task)
    task.offer(records())
    await asyncio.wait_for(hanging.wait(), PATIENCE)
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)
    await task.close()


def _has_committed(database: str, end: int) -> bool:
    return committed(database)[0] >= end
