"""A partition task on a real Postgres, with the change topic in memory: it recovers and publishes what it commits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import msgspec
import psycopg
from sqlalchemy import func, select

from data.contract.control import signed
from data.contract.wire import ModelActivation, Tick, Transaction
from data.postgres.database import engine
from data.postgres.dead_letters import by_reason
from data.postgres.model_registry import register
from data.postgres.progress import collecting, current_watermark, next_offsets
from data.postgres.tables import dead_letters
from models.segment_model import SegmentModel
from stream_app.core.apply import PartitionProgress
from stream_app.health import Health
from stream_app.partitions.partition_task import PartitionTask
from stream_app.partitions.worker_context import WorkerContext
from stream_app.stages import Stage
from stream_app.storage.unit_of_work import PartitionStore
from tests.support.builders import recency_model
from tests.support.generated_tables import a_model
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import Record, run
from tests.support.partition_tasks import (
    LATER,
    RECORDS,
    TOPICS,
    HealthyLog,
    anywhere,
    claiming,
    committed,
    running,
    wait_for,
    worker_context,
)

COUNTERS = ("dead_letters", "future_records", "refused_control_records")


@asynccontextmanager
async def working(
    database: str,
    topic: ChangeTopic,
    seek: Callable[[int], Awaitable[None]],
    worker: WorkerContext | None = None,
) -> AsyncIterator[PartitionTask]:
    """A partition task that has claimed its partition."""
    task = PartitionTask(worker or worker_context(database, topic), 0, seek)
    async with claiming(task):
        yield task


def test_a_fault_after_the_claim_leads_to_no_other_claim_and_changes_are_published(database: str) -> None:
    topic, attempts = ChangeTopic(), count()

    async def fail_once(offset: int) -> None:
        if next(attempts) == 0:
            raise RuntimeError("no current assignment")

    async def work() -> None:
        async with working(database, topic, fail_once) as task:
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
        async with working(database, topic, anywhere) as task:
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
        async with working(database, topic, anywhere) as task:
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
        async with working(database, ChangeTopic(), anywhere) as task:
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
        async with running(task):
            await asyncio.sleep(0.5)
            assert not task.claimed.is_set()
            assert task.offer(RECORDS) is None
            assert "partition 1 has not been claimed" in Health(worker.metrics).ready().body.decode()

    asyncio.run(work())
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM stream_progress").fetchone() == (0,)


def test_a_copy_of_an_older_model_is_refused_also_after_a_restart(database: str) -> None:
    key, others, postgres = b"the key of the operators", a_model(), engine(database)

    def activation(offset: int, chosen: SegmentModel, number: int) -> Record:
        value = msgspec.json.encode(ModelActivation(chosen))
        return Record(offset, None, value, None, signed(key, TOPICS.transactions, 0, number, value))

    first, second = activation(0, others, 5), activation(1, recency_model(), 6)
    copy = Record(2, None, first.value, None, first.headers)

    async def offered(*records: Record, log_id: str = "log") -> PartitionProgress:
        topic = ChangeTopic()
        worker = worker_context(database, topic, (key,))
        worker = replace(worker, log_id=log_id, read_log=HealthyLog(database, log_id).read)
        async with working(database, topic, anywhere, worker) as task:
            task.offer(records)
            after = {0: records[-1].offset + 1}
            await wait_for(lambda: next_offsets(postgres, log_id) == after)
        store = await PartitionStore.connect(database, 0)
        progress = await store.claim(log_id, "a look")
        await store.close()
        return progress

    progress = asyncio.run(offered(first, second))
    assert (progress.model_version, progress.control_number) == (recency_model().version, 6)
    progress = asyncio.run(offered(copy))
    assert (progress.model_version, progress.control_number) == (recency_model().version, 6)
    with engine(database).connect() as connection:
        (letter,) = connection.execute(select(dead_letters)).all()
    assert "not newer than the model before it" in letter.reason

    # When a log is read again from its beginning, an activation that was applied is neither refused nor applied again.
    progress = asyncio.run(offered(first, log_id="the log, read again"))
    assert (progress.model_version, progress.control_number) == (recency_model().version, 5)
    with engine(database).connect() as connection:
        assert len(connection.execute(select(dead_letters)).all()) == 1


def test_records_from_the_future_and_unsigned_ticks_are_counted_for_the_alarms(database: str) -> None:
    written = 1_777_777_777_000
    future, today = (msgspec.json.encode(Tick(datetime(year, 1, 1, tzinfo=UTC))) for year in (2109, 2026))
    key, topic, postgres = b"the key of the clock", ChangeTopic(), engine(database)
    records = [
        Record(0, None, future, written, signed(key, TOPICS.transactions, 0, 1, future)),
        Record(1, None, today, written),
        Record(2, None, today, written, signed(key, TOPICS.transactions, 0, 2, today)),
    ]
    worker = worker_context(database, topic, (key,))

    async def work() -> None:
        async with working(database, topic, anywhere, worker) as task:
            task.offer(records)
            await wait_for(lambda: next_offsets(postgres, "log") == {0: 3})

    asyncio.run(work())
    counted = {name: worker.metrics.registry.get_sample_value(f"segue_{name}_total") for name in COUNTERS}
    assert counted == {"dead_letters": 2, "future_records": 1, "refused_control_records": 1}
    assert current_watermark(engine(database)) == datetime(2026, 1, 1, tzinfo=UTC)
    assert [row.waiting for row in by_reason(engine(database), None)] == [1, 1]


def test_each_stage_is_measured_whenever_it_works(database: str) -> None:
    topic = ChangeTopic()
    worker = worker_context(database, topic)

    def times(stage: str) -> float | None:
        return worker.metrics.registry.get_sample_value("segue_stage_seconds_count", {"stage": stage})

    async def work() -> None:
        async with working(database, topic, anywhere, worker) as task:
            assert [times(stage) for stage in Stage] == [0] * len(Stage)
            task.offer(RECORDS)
            await wait_for(lambda: committed(database)[0] == len(RECORDS))
            await wait_for(lambda: len(topic.rows) == committed(database)[1])
            task.offer(LATER)
            await wait_for(lambda: committed(database)[0] == len(RECORDS + LATER))
            await wait_for(lambda: times("publish") == 2)

    asyncio.run(work())
    # Faust's consumer fetches, and there is none here.
    assert [times(stage) for stage in Stage] == [0, 2, 2, 2, 2]


def test_a_task_without_a_model_collects_until_the_log_brings_one(migrated_url: str) -> None:
    topic, model = ChangeTopic(), recency_model()
    activation = Record(len(RECORDS), None, msgspec.json.encode(ModelActivation(model)), 1_000)
    tail = [replace(record, offset=record.offset + 1) for record in LATER]
    context = worker_context(migrated_url, topic)
    health = Health(context.metrics)
    context.metrics.joined = True

    async def collect() -> None:
        async with working(migrated_url, topic, anywhere, context) as task:
            task.offer(RECORDS)
            await wait_for(lambda: committed(migrated_url) == (len(RECORDS), 0))
            assert health.ready().status == 200
            assert collecting(engine(migrated_url)) == [0]

    async def segment() -> None:
        async with working(migrated_url, topic, anywhere) as task:
            task.offer([activation, *tail])
            await wait_for(lambda: committed(migrated_url)[0] == tail[-1].offset + 1)
            await wait_for(lambda: bool(topic.rows) and len(topic.rows) == committed(migrated_url)[1])

    asyncio.run(collect())
    # A champion of the registry is not enough: another worker might have begun before or after it.
    register(engine(migrated_url), model)
    asyncio.run(segment())
    assert collecting(engine(migrated_url)) == []
    messages = [
        message for record in RECORDS if (message := msgspec.json.decode(record.value or b"", type=Transaction | Tick))
    ]
    later = [msgspec.json.decode(record.value or b"", type=Transaction | Tick) for record in LATER]
    (expected,) = run(None, [*messages, ModelActivation(model), *later])
    assert [row._replace(position=0) for row in sorted(topic.rows, key=lambda row: row[1:3])] == [
        row._replace(position=0) for row in sorted(expected.changes, key=lambda row: row[1:3])
    ]
    assert {row.cause for row in topic.rows} >= {"first_model", "first_purchase"}
