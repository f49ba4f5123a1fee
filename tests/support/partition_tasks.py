"""The parts of a partition task: a small log, the shared context, and what is committed in Postgres."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import psycopg

from data.kafka.partition_log import PartitionLog
from runtime.brokers import Brokers
from runtime.record_fingerprint import RecordFingerprint
from runtime.topics import Topics
from stream_app.metrics import Metrics
from stream_app.outbox.dead_letter_publisher import DeadLetterPublisher
from stream_app.outbox.row_kinds import RISK_CHANGES
from stream_app.partitions.partition_task import PartitionTask
from stream_app.partitions.worker_context import WorkerContext
from stream_app.worker_config import WorkerConfig
from tests.support.builders import tick, transaction
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import logs

# Nothing listens on this port.
NO_BROKER = Brokers("127.0.0.1:1")
TOPICS = Topics("transactions", "changes", "segments", "dead-letters", "drift")
RECORDS = logs([transaction(1, 0), transaction(2, 3, customer="d"), tick(30), tick(200)], 1)[0]
LATER = logs([*(tick(1) for _ in RECORDS), transaction(3, 201, customer="e"), tick(400)], 1)[0][len(RECORDS) :]
# A condition comes true within a moment; the bound is for a machine that is busy with something else.
PATIENCE = 120


class HealthyLog:
    """A log that holds exactly what has been applied from it."""

    def __init__(self, database: str, log_id: str = "log") -> None:
        self._database, self._log_id = database, log_id
        self._fingerprints: dict[int, RecordFingerprint] = {}

    def read(self, partition: int, offset: int | None) -> PartitionLog:
        """The log as of now, with the record at an offset."""
        query = "SELECT next_offset, last_offset, last_timestamp, last_checksum FROM stream_progress"
        with psycopg.connect(self._database) as connection:
            end, *last = connection.execute(query).fetchone() or (0, None, None, None)
        if last[0] is not None:
            self._fingerprints[last[0]] = RecordFingerprint(*last)
        return PartitionLog(self._log_id, 1, 0, end, None if offset is None else self._fingerprints.get(offset))


def worker_context(
    database: str, topic: ChangeTopic, control_keys: tuple[bytes, ...] = (), risk_topic: ChangeTopic | None = None
) -> WorkerContext:
    """A worker of a log with one partition; dead letters can't be published, since no broker is running."""
    risk = risk_topic or ChangeTopic(RISK_CHANGES)
    config = WorkerConfig(
        brokers=NO_BROKER,
        database_url=database,
        topics=TOPICS,
        consumer_group="group",
        log_id=None,
        partitions_to_create=0,
        currency="GBP",
        batch_size=500,
        session_timeout=0.2,
        exactly_once=True,
        worker_id=None,
        web_host="127.0.0.1",
        web_port=0,
        max_ahead=timedelta(days=1),
        control_keys=control_keys,
    )
    return WorkerContext(
        config=config,
        log_id="log",
        owner="me",
        partitions=1,
        metrics=Metrics(),
        partition_of=lambda _: 0,
        read_log=HealthyLog(database).read,
        is_gap=lambda *_: False,
        new_writer=topic.writer,  # type: ignore[arg-type]
        changes_behind=topic.changes_behind,
        new_risk_writer=risk.writer,  # type: ignore[arg-type]
        risk_changes_behind=risk.changes_behind,
        new_dead_letter_publisher=partial(DeadLetterPublisher, NO_BROKER, TOPICS, "log"),
    )


async def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition comes true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def committed(database: str) -> tuple[int, int]:
    """The next offset, and the number of changes."""
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT next_offset, change_position FROM stream_progress").fetchone()
        return (0, 0) if row is None else (row[0], row[1])


@asynccontextmanager
async def running(task: PartitionTask) -> AsyncIterator[None]:
    """Run a partition task, and stop and release it at the end."""
    runner = asyncio.create_task(task.run())
    yield
    task.stop()
    await runner
    await task.close()


@asynccontextmanager
async def claiming(task: PartitionTask) -> AsyncIterator[None]:
    """As :func:`running`, from the moment at which the task has claimed its partition."""
    async with running(task):
        await claimed(task)
        yield


async def claimed(task: PartitionTask) -> None:
    """Wait until a partition task has claimed its partition."""
    await asyncio.wait_for(task.claimed.wait(), PATIENCE)


async def anywhere(offset: int) -> None:
    """Seek to any offset."""
