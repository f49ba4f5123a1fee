"""A lane on a real Postgres, with the change topic in memory: it goes on by itself, and publishes what it commits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import count

import psycopg
import pytest
from sqlalchemy import func, select

from data.postgres import model_registry
from data.postgres.database import engine, migrate
from data.postgres.tables import dead_letters
from runtime.brokers import Brokers
from runtime.topics import Topics
from stream_app.health import Health
from stream_app.metrics import Metrics
from stream_app.outbox.dead_letter_publisher import DeadLetterPublisher
from stream_app.partitions.lifecycle import PartitionTask, WorkerContext
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import Record, logs
from tests.unit.stream_app.core.test_transition import model, tick, transaction

NOBODY = Brokers("127.0.0.1:1")
TOPICS = Topics("transactions", "changes", "segments", "dead-letters", "drift")
RECORDS = logs([transaction(1, 0), transaction(2, 3, customer="d"), tick(30), tick(200)], 1)[0]
LATER = logs([*(tick(1) for _ in RECORDS), transaction(3, 201, customer="e"), tick(400)], 1)[0][len(RECORDS) :]


@pytest.fixture
def database(database_url: str) -> str:
    migrate(database_url)
    model_registry.register(engine(database_url), model())
    return database_url


def shared_by(database: str, topic: ChangeTopic) -> WorkerContext:
    """What lanes of a log of one partition share; no broker has a topic for their dead letters."""
    return WorkerContext(
        database_url=database,
        log_id="log",
        owner="me",
        currency="GBP",
        batch_size=500,
        stand_back_seconds=0.2,
        open_writer=topic.writer,  # type: ignore[arg-type]
        last_event=topic.last_event,
        open_dead_letters=partial(DeadLetterPublisher, NOBODY, TOPICS, "log"),
        metrics=Metrics(),
        partitions=1,
        partition_of=lambda _: 0,
        is_gap=lambda *_: False,
    )


@asynccontextmanager
async def running(
    database: str, topic: ChangeTopic, read_from: Callable[[int], Awaitable[None]]
) -> AsyncIterator[PartitionTask]:
    """A lane that has claimed its partition."""
    lane = PartitionTask(shared_by(database, topic), 0, read_from)
    task = asyncio.create_task(lane.run())
    await asyncio.wait_for(lane.claimed.wait(), 10)
    yield lane
    lane.stop()
    await task
    await lane.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def committed(database: str) -> tuple[int, int]:
    """The next offset, and how many changes there are."""
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT next_offset, change_position FROM stream_progress").fetchone()
        return (0, 0) if row is None else (row[0], row[1])


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
            await until(lambda: committed(database)[0] == len(RECORDS))
            await until(lambda: len(topic.rows) == committed(database)[1])
            topic.fails = 1
            lane.offer(LATER)
            await until(lambda: committed(database)[0] == len(RECORDS + LATER))
            await until(lambda: len(topic.rows) == committed(database)[1])

    asyncio.run(work())
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT epoch FROM stream_progress").fetchall() == [(1,)]
    assert topic.positions == list(range(1, len(topic.rows) + 1))


def test_a_lane_that_has_lost_its_claim_and_is_still_assigned_claims_again_and_publishes(database: str) -> None:
    topic = ChangeTopic()

    async def work() -> None:
        async with running(database, topic, anywhere) as lane:
            lane.offer(RECORDS)
            await until(lambda: bool(topic.rows) and len(topic.rows) == committed(database)[1])
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("UPDATE stream_progress SET epoch = epoch + 1")
            topic.fails = 1
            lane.offer(LATER)
            await until(lambda: committed(database)[0] < len(RECORDS + LATER) and lane.position == len(RECORDS))
            await until(lane.claimed.is_set)
            lane.offer(LATER)
            await until(lambda: committed(database)[0] == len(RECORDS + LATER))
            await until(lambda: len(topic.rows) == committed(database)[1])

    asyncio.run(work())
    assert topic.positions == list(range(1, len(topic.rows) + 1))


def test_a_dead_letter_topic_that_does_not_answer_holds_nothing_up_and_nothing_is_forgotten(database: str) -> None:
    topic = ChangeTopic()

    async def work() -> None:
        async with running(database, topic, anywhere) as lane:
            lane.offer([Record(0, b"k", b"nonsense")])
            await until(lambda: committed(database)[0] == 1)
            await asyncio.sleep(0.5)
            lane.offer([Record(record.offset + 1, record.key, record.value) for record in RECORDS])
            await until(lambda: committed(database)[0] == 1 + len(RECORDS))

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
        shared = shared_by(database, ChangeTopic())
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
