"""Due decay on a real Postgres: it is committed in slices, and a death between two slices changes nothing."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
import pytest

from data.contract.change_row import ChangeRow
from stream_app.core.apply import PartitionProgress
from stream_app.core.decode import MicroBatch
from stream_app.partitions.partition_task import PartitionTask
from stream_app.storage.connection import Database
from stream_app.storage.unit_of_work import PartitionStore
from tests.support.builders import recency_model, tick, transaction
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import Message, logs, outcome, run
from tests.support.partition_batches import Dies, apply_up_to, batching_task, die_between_slices
from tests.support.partition_tasks import claiming, committed, wait_for, worker_context
from tests.support.poisoned_partition import execute

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


async def apply(database: str, topic: ChangeTopic, batch_size: int, ends: list[int]) -> None:
    """Apply the log from the stored next offset on, in batches that end before some offsets."""
    task = batching_task(database, topic, batch_size)
    async with claiming(task):
        await apply_up_to(task, database, RECORDS, ends)
        await wait_for(lambda: len(topic.rows) == committed(database)[1])


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
def test_a_death_between_two_slices_changes_nothing(database: str, ends: list[int], slices: int, dies: Dies) -> None:
    topic = ChangeTopic()

    async def work() -> None:
        await apply(database, topic, CUSTOMERS, [len(BUYERS)])
        before = committed(database)
        # The rest of the log as one batch.
        await die_between_slices(database, topic, SLICE, lambda offset: RECORDS[offset:], slices, dies)
        assert committed(database)[0] == before[0]
        assert committed(database)[1] > before[1]
        await apply(database, topic, SLICE, ends)

    asyncio.run(work())
    assert stored(database) == expected()
    keys = [(row.customer_id, row.sequence) for row in topic.rows]
    assert len(set(keys)) == len(keys) == len(expected()[1])


COPY = "CREATE TABLE copied_customers AS TABLE customers; CREATE TABLE copied_progress AS TABLE stream_progress"
SET_BACK = """
DELETE FROM segment_changes WHERE position > (SELECT change_position FROM copied_progress);
TRUNCATE customers;
INSERT INTO customers SELECT * FROM copied_customers ORDER BY customer_id DESC;
UPDATE stream_progress AS progress SET change_position = copied.change_position,
  published_position = copied.published_position FROM copied_progress AS copied
"""


class SetBackStore(PartitionStore):
    """Once the first slice is published, Postgres is set back to before it, and the connection is lost.

    Customers who are due at one moment come in another order afterwards, since the restored rows do.
    """

    def __init__(self, database_url: str, topic: ChangeTopic, database: Database, partition: int) -> None:
        super().__init__(database, partition)
        self._url, self._topic, self._slices = database_url, topic, 0

    async def save(self, batch: MicroBatch, *arguments: Any, **named: Any) -> PartitionProgress:
        """Save as a store does, but for the second slice."""
        self._slices += not batch.records
        if self._slices == 1:
            execute(self._url, COPY)
        if self._slices == 2:
            self._slices += 1
            await wait_for(lambda: len(self._topic.rows) == CUSTOMERS + SLICE)
            execute(self._url, SET_BACK)
            raise psycopg.OperationalError("the connection is lost")
        return await super().save(batch, *arguments, **named)


def test_changes_that_have_other_positions_after_postgres_was_set_back_are_published(database: str) -> None:
    topic = ChangeTopic()
    buyers = [transaction(number, 0, customer=f"c{number:02}") for number in range(CUSTOMERS)]
    records = logs([*buyers, tick(15)], 1)[0]
    worker = worker_context(database, topic)
    small = replace(worker, config=replace(worker.config, batch_size=SLICE))

    async def seek(offset: int) -> None:
        """Offer the records from an offset on, as Kafka does; the tick comes when all buyers have bought."""
        asyncio.get_running_loop().call_soon(lambda: task.offer(records[offset:CUSTOMERS] or records[offset:]))

    async def work() -> None:
        async with claiming(task):
            await wait_for(lambda: committed(database)[0] == CUSTOMERS)
            task.offer(records[CUSTOMERS:])
            await wait_for(lambda: committed(database)[0] == len(records))
            await wait_for(lambda: len(topic.rows) == committed(database)[1])

    task = PartitionTask(small, 0, seek, new_store=partial(SetBackStore, database, topic))
    asyncio.run(work())
    assert sorted((row.customer_id, row.sequence) for row in topic.rows) == sorted(
        (f"c{number:02}", sequence) for number in range(CUSTOMERS) for sequence in (1, 2)
    )
