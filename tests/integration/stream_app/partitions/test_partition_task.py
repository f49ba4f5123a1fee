"""A partition task on a real Postgres, with the change topic in memory: it recovers and publishes what it commits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count

import psycopg
from sqlalchemy import func, select

from data.postgres.database import engine
from data.postgres.tables import dead_letters
from stream_app.health import Health
from stream_app.partitions.partition_task import PartitionTask
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import Record
from tests.support.partition_tasks import LATER, PATIENCE, RECORDS, anywhere, committed, wait_for, worker_context


@asynccontextmanager
async def running(
    database: str, topic: ChangeTopic, seek: Callable[[int], Awaitable[None]]
) -> AsyncIterator[PartitionTask]:
    """A partition task that has claimed its partition."""
    task = PartitionTask(worker_context(database, topic), 0, seek)
    runner = asyncio.create_task(task.run())
    await asyncio.wait_for(task.claimed.wait(), PATIENCE)
    yield task
    task.stop()
    await runner
    await task.close()


def test_a_fault_after_the_claim_leads_to_no_other_claim_and_changes_are_published(database: str) -> None:
    topic, attempts = ChangeTopic(), count()

    async def fail_once(offset: int) -> None:
        if next(attempts) == 0:
            raise RuntimeError("no current assignment")

    async def work() -> None:
        async with running(database, topic, fail_once) as task:
            task.offer(RECORDS)
            await wait_for(lambda: committed(database)[0] == len(RECORDS))
            await wait_for(lambda: len(topic.rows) == committed(database)[1])
            topic.fails = 1
            task.offer(LATER)
            await wait_for(lambda: committed(database)[0] == len(RECORDS + LATER))
            await wait_for(lambda: len(topic.rows) == committed(database)[1])

    asyncio.run(work())
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT epoch FROM stream_progress").fetchall() == [(1,)]
    assert topic.positions == list(range(1, len(topic.rows) + 1))


def test_a_fenced_task_that_is_still_assigned_claims_again_and_publishes(database: str) -> None:
    topic = ChangeTopic()

    async def work() -> None:
        async with running(database, topic, anywhere) as task:
            task.offer(RECORDS)
            await wait_for(lambda: bool(topic.rows) and len(topic.rows) == committed(database)[1])
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("UPDATE stream_progress SET epoch = epoch + 1")
            topic.fails = 1
            task.offer(LATER)
            await wait_for(lambda: committed(database)[0] < len(RECORDS + LATER) and task.next_offset == len(RECORDS))
            await wait_for(task.claimed.is_set)
            task.offer(LATER)
            await wait_for(lambda: committed(database)[0] == len(RECORDS + LATER))
            await wait_for(lambda: len(topic.rows) == committed(database)[1])

    asyncio.run(work())
    assert topic.positions == list(range(1, len(topic.rows) + 1))


def test_an_unavailable_dead_letter_topic_delays_nothing_and_loses_nothing(database: str) -> None:
    topic = ChangeTopic()

    async def work() -> None:
        async with running(database, topic, anywhere) as task:
            task.offer([Record(0, b"k", b"nonsense")])
            await wait_for(lambda: committed(database)[0] == 1)
            await asyncio.sleep(0.5)
            task.offer([Record(record.offset + 1, record.key, record.value) for record in RECORDS])
            await wait_for(lambda: committed(database)[0] == 1 + len(RECORDS))

    asyncio.run(work())
    with engine(database).connect() as connection:
        unpublished = connection.execute(select(func.count()).where(~dead_letters.c.published)).scalar_one()
    assert unpublished == 1


def test_nothing_is_skipped_when_the_next_offset_has_changed(database: str) -> None:
    async def work() -> None:
        async with running(database, ChangeTopic(), anywhere) as task:
            assert task.offer(RECORDS) is None
            assert not task.skip(0, 100)
            assert task.next_offset == len(RECORDS)
            assert task.skip(len(RECORDS), 100)
            assert task.next_offset == 100

    asyncio.run(work())


def test_a_partition_that_was_added_after_the_start_is_not_claimed(database: str) -> None:
    async def work() -> None:
        worker = worker_context(database, ChangeTopic())
        task = PartitionTask(worker, 1, anywhere)
        runner = asyncio.create_task(task.run())
        await asyncio.sleep(0.5)
        assert not task.claimed.is_set()
        assert task.offer(RECORDS) is None
        assert "partition 1 has not been claimed" in Health(worker.metrics).ready().body.decode()
        task.stop()
        await runner
        await task.close()

    asyncio.run(work())
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM stream_progress").fetchone() == (0,)
