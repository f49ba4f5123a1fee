"""Due decay on a real Postgres: it is committed in slices, and a death between two slices changes nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
import pytest

from data.contract.change_row import ChangeRow
from stream_app.core.decode import MicroBatch
from stream_app.partitions.partition_task import PartitionTask
from stream_app.storage.unit_of_work import PartitionStore
from tests.support.builders import recency_model, tick, transaction
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import Message, logs, outcome, run
from tests.support.partition_tasks import PATIENCE, anywhere, claimed, claiming, committed, wait_for, worker_context

CUSTOMERS = 40
SLICE = 3
BUYERS = [transaction(number, number % 5, customer=f"c{number:02}") for number in range(CUSTOMERS)]
# Both ticks and the transactions between them can be one batch; the customers c00 and c01 have transactions in it.
LATER: list[Message] = [
    tick(15),
    transaction(100, 20, customer="c00"),
    transaction(101, 3, customer="c01"),
    tick(800),
    transaction(102, 799, customer="c02"),
    transaction(103, 801, customer="c03"),
    tick(1_600),
]
RECORDS = logs([*BUYERS, *LATER], 1)[0]


def a_task(database: str, topic: ChangeTopic, batch_size: int) -> PartitionTask:
    worker = worker_context(database, topic)
    return PartitionTask(replace(worker, config=replace(worker.config, batch_size=batch_size)), 0, anywhere)


async def apply(database: str, topic: ChangeTopic, batch_size: int, ends: list[int]) -> None:
    """Apply the log from the stored next offset on, in batches that end before some offsets."""
    task = a_task(database, topic, batch_size)
    async with claiming(task):
        for end in ends:
            if records := [record for record in RECORDS[:end] if record.offset >= task.next_offset]:
                task.offer(records)
                await wait_for(partial(_has_committed, database, end))
        await wait_for(lambda: len(topic.rows) == committed(database)[1])


def _has_committed(database: str, end: int) -> bool:
    return committed(database)[0] >= end


def stored(database: str) -> tuple[dict[str, Any], set[tuple[Any, ...]]]:
    """What the outcome of a world is, in Postgres: segments, and changes."""
    with psycopg.connect(database) as connection:
        profiles = connection.execute("SELECT customer_id, segment, sequence, next_segment FROM customers").fetchall()
        changes = connection.execute(
            "SELECT customer_id, sequence, from_segment, to_segment, cause,"
            " (extract(epoch FROM effective_at) * 1e6)::int8, recency_days, frequency, transaction_id"
            " FROM segment_changes"
        ).fetchall()
    return {row[0]: row[1:] for row in profiles}, set(changes)


def expected() -> tuple[dict[str, Any], set[tuple[Any, ...]]]:
    """The outcome of the pure core, without slices."""
    profiles, changes = outcome(run(recency_model(), [*BUYERS, *LATER]))

    def change(row: ChangeRow) -> tuple[Any, ...]:
        of_customer = (row.customer_id, row.sequence, row.from_segment, row.to_segment, row.cause)
        return (*of_customer, row.effective_at, row.recency_days, row.frequency, row.transaction_id)

    by_customer = {c: (row["segment"], row["sequence"], row["next_segment"]) for c, row in profiles.items()}
    return by_customer, set(map(change, changes.values()))


def test_no_transaction_fires_the_decay_of_more_customers_than_a_slice_and_a_batch_have(database: str) -> None:
    topic = ChangeTopic()
    asyncio.run(apply(database, topic, SLICE, [len(BUYERS), len(RECORDS)]))
    with psycopg.connect(database) as connection:
        query = "SELECT count(DISTINCT customer_id) FROM segment_changes WHERE cause = 'decay' GROUP BY xmin::text"
        customers = [row[0] for row in connection.execute(query)]
    assert max(customers) <= SLICE + len(LATER)
    assert stored(database) == expected()
    assert len(topic.rows) == len(expected()[1])


@pytest.mark.parametrize("ends", [[len(RECORDS)], list(range(1, len(RECORDS) + 1))], ids=["one batch", "many batches"])
@pytest.mark.parametrize("slices", [1, 4])
@pytest.mark.parametrize("dies", ["before a commit", "after a commit"])
def test_a_death_between_two_slices_changes_nothing(
    database: str, monkeypatch: pytest.MonkeyPatch, ends: list[int], slices: int, dies: str
) -> None:
    topic = ChangeTopic()

    async def work() -> None:
        await apply(database, topic, CUSTOMERS, [len(BUYERS)])
        before = committed(database)
        with monkeypatch.context() as patch:
            await _die(database, topic, patch, slices, dies)
        assert committed(database)[0] == before[0]
        assert committed(database)[1] > before[1]
        await apply(database, topic, SLICE, ends)

    asyncio.run(work())
    assert stored(database) == expected()
    keys = [(row.customer_id, row.sequence) for row in topic.rows]
    assert len(set(keys)) == len(keys) == len(expected()[1])


async def _die(database: str, topic: ChangeTopic, patch: pytest.MonkeyPatch, slices: int, dies: str) -> None:
    """Apply the rest of the log as one batch, and die after some slices."""
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

    task = a_task(database, topic, SLICE)
    patch.setattr(PartitionStore, "save", save_some)
    runner = asyncio.create_task(task.run())
    await claimed(task)
    task.offer(RECORDS[task.next_offset :])
    await asyncio.wait_for(hanging.wait(), PATIENCE)
    runner.cancel()
    await asyncio.gather(runner, return_exceptions=True)
    await task.close()
