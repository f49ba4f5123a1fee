"""Rare transitions in the life of a partition, and what an impossible one leads to, on a real Postgres.

``tests/integration/sim/test_lives.py`` finds all other transitions in simulated histories.
"""

import asyncio
from dataclasses import replace
from typing import LiteralString

import psycopg
import pytest

from stream_app.health import Health
from stream_app.metrics import Metrics
from stream_app.partition_life import Event, LifeError, State, Transition
from stream_app.partitions.partition_task import PartitionTask
from stream_app.partitions.worker_context import WorkerContext
from tests.support.in_memory_change_topic import ChangeTopic, InMemoryWriter
from tests.support.partition_tasks import (
    RECORDS,
    anywhere,
    claimed,
    claiming,
    committed,
    running,
    wait_for,
    worker_context,
)


class WatchedMetrics(Metrics):
    """Metrics that keep the transitions of each life."""

    def __init__(self) -> None:
        super().__init__()
        self.transitions: list[Transition] = []

    def moved(self, partition: int, transition: Transition) -> None:
        super().moved(partition, transition)
        self.transitions.append(transition)


@pytest.fixture
def metrics() -> WatchedMetrics:
    return WatchedMetrics()


@pytest.fixture
def worker(database: str, metrics: WatchedMetrics) -> WorkerContext:
    return replace(worker_context(database, ChangeTopic()), metrics=metrics)


class Seeks:
    """Seeks that a test can hold: the second one fails, and later ones wait until they are cancelled, and fail then.

    So does a Postgres transaction that can't be rolled back, since its connection is closed by then.
    """

    def __init__(self) -> None:
        self.count = 0
        self.may_fail = asyncio.Event()

    async def __call__(self, offset: int) -> None:
        self.count += 1
        if self.count == 2:
            raise RuntimeError("no current assignment")
        if self.count > 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await self.may_fail.wait()
                raise RuntimeError("the connection is closed") from None


def fence(database: str) -> None:
    """Claim the partition as another worker does."""
    execute(database, "UPDATE stream_progress SET epoch = epoch + 1")


def execute(database: str, statement: LiteralString) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(statement)


def test_a_partition_that_was_added_later_is_refused_until_it_is_released(
    worker: WorkerContext, metrics: WatchedMetrics
) -> None:
    async def work() -> None:
        async with running(PartitionTask(worker, 1, anywhere)):
            await wait_for(lambda: bool(metrics.transitions))

    asyncio.run(work())
    assert metrics.transitions[:2] == [
        Transition(State.ASSIGNED, Event.REFUSED, State.REFUSED),
        Transition(State.REFUSED, Event.STOPPED, State.ENDED),
    ]


def test_a_partition_that_is_released_before_its_task_runs_is_at_its_end(
    worker: WorkerContext, metrics: WatchedMetrics
) -> None:
    async def work() -> None:
        await PartitionTask(worker, 0, anywhere).close()

    asyncio.run(work())
    assert metrics.transitions == [Transition(State.ASSIGNED, Event.STOPPED, State.ENDED)]


@pytest.mark.parametrize(
    ("released_first", "expected"),
    [
        (False, Transition(State.STOPPING, Event.FAILED, State.STOPPING)),
        (True, Transition(State.ENDED, Event.FAILED, State.ENDED)),
    ],
)
def test_a_cancelled_task_may_fail_while_or_after_it_is_released(
    worker: WorkerContext, metrics: WatchedMetrics, database: str, released_first: bool, expected: Transition
) -> None:
    topic = ChangeTopic()

    async def work() -> None:
        seeks = Seeks()
        task = PartitionTask(replace(worker, new_writer=topic.writer), 0, seeks)  # type: ignore[arg-type]
        runner = asyncio.create_task(task.run())
        await claimed(task)
        topic.may_write.clear()
        task.offer(RECORDS)
        await wait_for(lambda: committed(database)[0] == len(RECORDS))
        task.request_log_check(seek=True)
        await wait_for(lambda: seeks.count == 3)
        task.stop()
        runner.cancel()
        closing = asyncio.create_task(task.close())
        await wait_for(lambda: metrics.transitions[-1].after is State.STOPPING)
        if released_first:
            topic.may_write.set()
            await closing
        seeks.may_fail.set()
        await runner
        topic.may_write.set()
        await closing

    asyncio.run(work())
    assert expected in metrics.transitions
    assert metrics.transitions[-1].after is State.ENDED


def test_a_partition_without_a_model_is_fenced_at_its_first_records(migrated_url: str, metrics: WatchedMetrics) -> None:
    async def work() -> None:
        task = PartitionTask(replace(worker_context(migrated_url, ChangeTopic()), metrics=metrics), 0, anywhere)
        async with claiming(task):
            fence(migrated_url)
            task.offer(RECORDS)
            await wait_for(lambda: metrics.transitions[-1].event is Event.FENCED)

    asyncio.run(work())
    assert Transition(State.COLLECTING, Event.FENCED, State.FENCED) in metrics.transitions


def test_a_partition_whose_customers_are_rescored_is_fenced_at_the_first_chunk(
    worker: WorkerContext, metrics: WatchedMetrics, database: str
) -> None:
    async def fence_then(offset: int) -> None:
        fence(database)

    async def work() -> None:
        task = PartitionTask(worker, 0, anywhere)
        async with claiming(task):
            task.offer(RECORDS)
            await wait_for(lambda: committed(database)[0] == len(RECORDS))
        execute(database, "UPDATE customers SET model_version = NULL, segment = NULL")
        async with running(PartitionTask(worker, 0, fence_then)):
            await wait_for(lambda: metrics.transitions[-1].event is Event.FENCED)

    asyncio.run(work())
    assert Transition(State.RESCORING, Event.FENCED, State.FENCED) in metrics.transitions


def test_a_task_whose_relay_can_not_be_closed_still_waits_for_its_successor(
    worker: WorkerContext, metrics: WatchedMetrics, database: str
) -> None:
    broken = iter([True])

    class BreakingWriter(InMemoryWriter):
        def close(self) -> None:
            super().close()
            if next(broken, False):
                raise RuntimeError("the client is broken")

    topic = ChangeTopic()

    async def work() -> None:
        context = replace(worker, new_writer=lambda _: BreakingWriter(topic))  # type: ignore[arg-type, return-value]
        task = PartitionTask(context, 0, anywhere)
        async with claiming(task):
            fence(database)
            task.offer(RECORDS)
            await wait_for(lambda: any(each.event is Event.WAITED for each in metrics.transitions))
            await claimed(task)

    asyncio.run(work())
    at = metrics.transitions.index(Transition(State.FENCED, Event.FAILED, State.FENCED))
    assert metrics.transitions[at + 1] == Transition(State.FENCED, Event.WAITED, State.CLAIMING)


def test_an_impossible_event_fails_the_partition_and_is_reported(
    worker: WorkerContext, metrics: WatchedMetrics, database: str
) -> None:
    metrics.joined = True

    async def work() -> None:
        async def seek(_: int) -> None:
            # While the partition is taken over.
            task._life.on(Event.ALL_RESCORED)

        task = PartitionTask(worker, 0, seek)
        async with running(task):
            await wait_for(lambda: metrics.partitions[0].failures >= 2)
            ready = Health(metrics).ready()
            assert (ready.status, b"times in a row (LifeError)" in ready.body) == (503, True)

    asyncio.run(work())
    with psycopg.connect(database) as connection:
        assert "all rescored" in str(connection.execute("SELECT failure FROM stream_progress").fetchone())


def test_a_task_runs_only_once(worker: WorkerContext) -> None:
    async def work() -> None:
        task = PartitionTask(worker, 0, anywhere)
        task.stop()
        await task.run()
        with pytest.raises(LifeError, match="begun"):
            await task.run()
        await task.close()

    asyncio.run(work())
