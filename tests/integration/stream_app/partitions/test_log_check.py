"""A partition task whose log is not the one that it has applied: it goes on, says so, and applies nothing twice."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import psycopg
import pytest

from data.contract.wire import ModelActivation
from data.postgres import log_faults
from data.postgres.database import engine
from stream_app.health import Health
from stream_app.partitions.partition_task import PartitionTask
from stream_app.partitions.worker_context import WorkerContext
from tests.support.builders import recency_model, tick, transaction
from tests.support.changing_log import Log
from tests.support.generated_tables import a_model
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import Message, logs
from tests.support.partition_tasks import claiming, committed, wait_for, worker_context

MESSAGES: list[Message] = [
    transaction(1, 0),
    tick(1),
    ModelActivation(a_model()),
    tick(2),
    ModelActivation(recency_model()),
    tick(30),
]
RECORDS = [replace(record, timestamp=record.offset + 1) for record in logs(MESSAGES, 1)[0]]

# Milliseconds since 1970.
LATER_THAN_THE_SALES = 2_000_000_000_000


def with_task(
    database: str,
    log: Log,
    work: Callable[[PartitionTask, WorkerContext, list[int]], Awaitable[None]],
    topic: ChangeTopic | None = None,
) -> None:
    """Run a task that has applied all of :data:`RECORDS`."""

    async def running() -> None:
        seeks: list[int] = []

        async def seek(offset: int) -> None:
            seeks.append(offset)

        worker = replace(worker_context(database, topic or ChangeTopic()), read_log=log.read)
        task = PartitionTask(worker, 0, seek)
        async with claiming(task):
            task.offer(RECORDS)
            await wait_for(lambda: committed(database)[0] == len(RECORDS))
            seeks.clear()
            await work(task, worker, seeks)

    asyncio.run(running())


def stored(database: str) -> tuple[str, list[tuple[str, int, int]]]:
    """The log id, and the faults: kind, first offset and end offset."""
    postgres = engine(database)
    faults = [(row.kind, row.first_offset, row.end_offset) for row in reversed(log_faults.faults(postgres))]
    postgres.dispose()
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT log_id FROM stream_progress").fetchone()
    return ("" if row is None else row[0]), faults


def test_a_log_that_lost_records_is_read_again_and_nothing_is_applied_twice(database: str) -> None:
    log = Log(list(RECORDS))

    async def work(task: PartitionTask, worker: WorkerContext, seeks: list[int]) -> None:
        before = snapshot(database)
        log.records = log.records[:3]
        task.request_log_check()
        await wait_for(lambda: seeks == [0])
        assert "recovers from a fault of the log" in Health(worker.metrics).ready().body.decode()
        log.records = list(RECORDS)
        task.offer(RECORDS)
        await wait_for(lambda: committed(database)[0] == len(RECORDS))
        assert snapshot(database) == before

    with_task(database, log, work)
    assert stored(database) == ("log#2", [("truncated", 3, len(RECORDS))])


def test_changes_are_published_with_the_id_of_the_log_that_they_come_from(database: str) -> None:
    log, topic = Log(list(RECORDS)), ChangeTopic()

    async def work(task: PartitionTask, worker: WorkerContext, seeks: list[int]) -> None:
        first, second = (logs([transaction(number, 31, customer=f"{number}")], 1)[0][0] for number in (2, 3))
        log.records.append(replace(first, offset=len(RECORDS), timestamp=LATER_THAN_THE_SALES))
        task.offer(log.records[-1:])
        await wait_for(lambda: topic.log_ids == ["log"])
        log.log_id, log.records = "another", []
        task.request_log_check()
        await wait_for(lambda: seeks[-1:] == [0])
        log.records = [replace(second, timestamp=LATER_THAN_THE_SALES)]
        task.offer(log.records)
        await wait_for(lambda: topic.log_ids == ["log", "another"])

    with_task(database, log, work, topic)


def test_an_activation_that_is_requested_again_has_an_effect(database: str) -> None:
    log = Log(list(RECORDS))

    async def work(task: PartitionTask, worker: WorkerContext, seeks: list[int]) -> None:
        again = replace(RECORDS[2], offset=len(RECORDS), timestamp=1_000)
        log.records.append(again)
        task.offer([again])
        await wait_for(lambda: snapshot(database)[0] == a_model().version)

    with_task(database, log, work)


def test_a_log_with_the_same_offsets_and_other_records_has_lost_records(database: str) -> None:
    log = Log(list(RECORDS))

    async def work(task: PartitionTask, worker: WorkerContext, seeks: list[int]) -> None:
        log.records = [replace(record, timestamp=(record.timestamp or 0) + 500) for record in RECORDS]
        task.request_log_check()
        await wait_for(lambda: seeks == [0])

    with_task(database, log, work)
    assert stored(database) == ("log#2", [("truncated", 0, len(RECORDS))])


def test_a_topic_that_was_created_again_is_read_from_its_start_if_its_partitions_are_the_same(database: str) -> None:
    log = Log(list(RECORDS))

    async def work(task: PartitionTask, worker: WorkerContext, seeks: list[int]) -> None:
        log.exists = False
        task.request_log_check()
        await wait_for(lambda: "there is no such topic" in Health(worker.metrics).ready().body.decode())
        log.exists, log.log_id, log.records, log.partitions = True, "another", [], 6
        task.request_log_check()
        await wait_for(
            lambda: "created again with 6 partitions instead of 1" in Health(worker.metrics).ready().body.decode()
        )
        assert stored(database) == ("log", [])
        log.partitions = 1
        await wait_for(lambda: seeks[-1:] == [0])

    with_task(database, log, work)
    assert stored(database) == ("another", [("recreated", 0, len(RECORDS))])


def test_deleted_records_are_passed_over_and_counted(database: str) -> None:
    log = Log(list(RECORDS))

    async def work(task: PartitionTask, worker: WorkerContext, seeks: list[int]) -> None:
        log.first, log.records = 50, [replace(RECORDS[-1], offset=60)]
        task.request_log_check()
        await wait_for(lambda: seeks == [50])
        assert worker.metrics.registry.get_sample_value("segue_log_faults_total", {"kind": "deleted"}) == 1

    with_task(database, log, work)
    assert stored(database) == ("log", [("deleted", len(RECORDS), 50)])


@pytest.mark.parametrize("seek", [False, True])
def test_a_check_without_a_finding_changes_nothing(database: str, seek: bool) -> None:
    log = Log(list(RECORDS))

    async def work(task: PartitionTask, worker: WorkerContext, seeks: list[int]) -> None:
        task.request_log_check(seek)
        if seek:
            await wait_for(lambda: seeks == [len(RECORDS)])
        # The check comes before the next micro-batch.
        [later] = logs([tick(31)], 1)[0]
        log.records.append(replace(later, offset=len(RECORDS), timestamp=LATER_THAN_THE_SALES))
        task.offer(log.records[-1:])
        await wait_for(lambda: committed(database)[0] == len(log.records))
        assert seeks == [len(RECORDS)] * seek

    with_task(database, log, work)
    assert stored(database) == ("log", [])


def snapshot(database: str) -> tuple[str, int, int]:
    """The active model, and the numbers of transactions and changes."""
    query = "SELECT model_version, transactions, change_position FROM stream_progress"
    with psycopg.connect(database) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0], row[1], row[2]
