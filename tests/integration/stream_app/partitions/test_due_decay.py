"""Due decay on a real Postgres: it is committed in slices, and a death between two slices changes nothing."""

import asyncio
from typing import Any

import psycopg
import pytest

from data.contract.change_row import ChangeRow
from tests.support.builders import recency_model, tick, transaction
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import Message, logs, outcome, run
from tests.support.partition_batches import Dies, apply_up_to, batching_task, die_between_slices
from tests.support.partition_tasks import claiming, committed, wait_for

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
