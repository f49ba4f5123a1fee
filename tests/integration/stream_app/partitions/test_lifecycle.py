"""A lane on a real Postgres, with the change topic in memory: it goes on by itself, and publishes what it commits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

import psycopg
from sqlalchemy import func, select

from data.postgres.database import engine
from data.postgres.tables import dead_letters
from stream_app.health import Health
from stream_app.partitions.lifecycle import PartitionTask
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import Record
from tests.support.partition_tasks import LATER, PATIENCE, RECORDS, committed, wait_for, worker_context


@asynccontextmanager
async def running(
    database: str, topic: ChangeTopic, read_from: Callable[[int], Awaitable[None]]
) -> AsyncIterator[PartitionTask]:
    """A lane that has claimed its partition."""
    lane = PartitionTask(worker_context(database, topic), 0, read_from)
    task = asyncio.create_task(lane.run())
    await asyncio.wait_for(lane.claimed.wait(), PATIENCE)
    yield lane
    lane.stop()
    await task
    await lane.close()


async def anywhere(offset: int) -> None:
    """The log can be read from any offset."""


def test_a_claim_that_could_not_be_taken_up_at_once_is_not_made_again_and_publishes(database: str) -> None:
    topic, attempts = ChangeTopic(), count()

    async def not_at_once(offset: int) -> None:
        if next(attempts) == 0:
            raise RuntimeError("no current assignment")

    async def work() -> None:
        async with running(database, topic, not_at_once) as lane:
            lane.offer(RECORDS)
            await wait_for(lambda: committed(database)[0] == len(RECORDS))
            await wait_for(lambda: len(topic.rows) == committed(database)[1])
            topic.fails = 1
            lane.offer(LATER)
            await wait_for(lambda: committed(database)[0] == len(RECORDS + LATER))
            await wait_for(lambda: len(topic.rows) == committed(database)[1])

    asyncio.run(work())
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT epoch FROM stream_progress").fetchall() == [(1,)]
    assert topic.positions == list(range(1, len(topic.rows) + 1))


def test_a_lane_that_has_lost_its_claim_and_is_still_assigned_claims_again_and_publishes(database: str) -> None:
    topic = ChangeTopic()

    async def work() -> None:
        async with running(database, topic, anywhere) as lane:
            lane.offer(RECORDS)
            await wait_for(lambda: bool(topic.rows) and len(topic.rows) == committed(database)[1])
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("UPDATE stream_progress SET epoch = epoch + 1")
            topic.fails = 1
            lane.offer(LATER)
            await wait_for(lambda: committed(database)[0] < len(RECORDS + LATER) and lane.position == len(RECORDS))
            await wait_for(lane.claimed.is_set)
            lane.offer(LATER)
            await wait_for(lambda: committed(database)[0] == len(RECORDS + LATER))
            await wait_for(lambda: len(topic.rows) == committed(database)[1])

    asyncio.run(work())
    assert topic.positions == list(range(1, len(topic.rows) + 1))


def test_a_dead_letter_topic_that_does_not_answer_holds_nothing_up_and_nothing_is_forgotten(database: str) -> None:
    topic = ChangeTopic()

    async def work() -> None:
        async with running(database, topic, anywhere) as lane:
            lane.offer([Record(0, b"k", b"nonsense")])
            await wait_for(lambda: committed(database)[0] == 1)
            await asyncio.sleep(0.5)
            lane.offer([Record(record.offset + 1, record.key, record.value) for record in RECORDS])
            await wait_for(lambda: committed(database)[0] == 1 + len(RECORDS))

    asyncio.run(work())
    with engine(database).connect() as connection:
        kept = connection.execute(select(func.count()).where(~dead_letters.c.published)).scalar_one()
    assert kept == 1


def test_nothing_is_skipped_where_another_offset_has_come_to_be_expected(database: str) -> None:
    async def work() -> None:
        async with running(database, ChangeTopic(), anywhere) as lane:
            assert lane.offer(RECORDS) is None
            assert not lane.skip(0, 100)
            assert lane.position == len(RECORDS)
            assert lane.skip(len(RECORDS), 100)
            assert lane.position == 100

    asyncio.run(work())


def test_a_partition_that_was_added_since_the_worker_started_is_left_alone(database: str) -> None:
    async def work() -> None:
        shared = worker_context(database, ChangeTopic())
        lane = PartitionTask(shared, 1, anywhere)
        task = asyncio.create_task(lane.run())
        await asyncio.sleep(0.5)
        assert not lane.claimed.is_set()
        assert lane.offer(RECORDS) is None
        assert "partition 1 has not been claimed" in Health(shared.metrics).ready().body.decode()
        lane.stop()
        await task
        await lane.close()

    asyncio.run(work())
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM stream_progress").fetchone() == (0,)
