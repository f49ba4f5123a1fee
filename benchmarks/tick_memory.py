"""Memory, time and longest Postgres transaction of one tick that makes the decay of many customers due.

    PYTHONPATH=. python benchmarks/tick_memory.py [--customers 300000] [--partitions 1] [--batch-size 5000]

The customers are inserted by SQL into a temporary Postgres. Each of them decays twice by the tick. The partition tasks
of one worker apply the tick in one event loop. No broker is used: the published changes are dropped.
"""

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import psutil
import psycopg

from data.contract.wire import Tick
from data.postgres import model_registry
from data.postgres.database import engine, migrate
from models.segment_model import Segment, SegmentModel, build
from runtime.brokers import Brokers
from runtime.topics import Topics
from segue.local.postgres import LocalPostgres
from stream_app.metrics import Metrics
from stream_app.outbox.dead_letter_publisher import DeadLetterPublisher
from stream_app.outbox.row_kinds import RISK_CHANGES
from stream_app.partitions.partition_task import PartitionTask
from stream_app.partitions.worker_context import WorkerContext
from stream_app.worker_config import WorkerConfig
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import Record
from tests.support.partition_tasks import HealthyLog

PURCHASED = datetime(2010, 1, 1, 9, 30, tzinfo=UTC)
BROKERS, TOPICS = Brokers("127.0.0.1:1"), Topics("transactions", "changes", "segments", "dead-letters", "drift")
MEBIBYTE = 1024 * 1024

FILL = """
INSERT INTO customers (customer_id, partition, country, first_purchase_at, last_purchase_at, last_event_at, frequency,
  gross, returned, segment, segment_since, sequence, model_version, next_change_at, next_segment)
SELECT 'customer-' || number, number %% %(partitions)s, 'France', %(at)s, %(at)s, %(at)s, 1, 10, 0, 'here', %(at)s, 1,
  %(version)s, %(at)s + interval '11 days', 'away'
FROM generate_series(1, %(customers)s) AS number
"""
AGE = """
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'segue-worker%'
"""


class Highest:
    """The highest values seen by a thread that looks every 20 ms."""

    def __init__(self, database: str) -> None:
        self._connection = psycopg.connect(database, autocommit=True)
        self._process = psutil.Process()
        self._done = threading.Event()
        self.resident = 0
        self.transaction = 0.0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look while the block runs."""
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()
            self._connection.close()

    def _look(self) -> None:
        while not self._done.wait(0.02):
            self.resident = max(self.resident, self._process.memory_info().rss)
            row = self._connection.execute(AGE).fetchone()
            self.transaction = max(self.transaction, row[0] if row else 0.0)


def a_model() -> SegmentModel:
    """Three segments by recency alone."""
    segments = [
        Segment(name, name.title(), "", "#000000", "", (days, 0.0, 0.0))
        for name, days in (("here", 0.0), ("away", 20.0), ("lost", 60.0))
    ]
    return build("net", "identity", (0.0, 0.0, 0.0), (1.0, 1e9, 1e9), tuple(segments))


def context(database: str, partitions: int, batch_size: int) -> WorkerContext:
    """A worker without a broker."""
    config = WorkerConfig(
        brokers=BROKERS,
        database_url=database,
        topics=TOPICS,
        consumer_group="group",
        log_id=None,
        partitions_to_create=0,
        currency="GBP",
        max_ahead=timedelta(days=1),
        control_keys=(),
        batch_size=batch_size,
        session_timeout=6.0,
        exactly_once=True,
        worker_id=None,
        web_host="127.0.0.1",
        web_port=0,
    )
    return WorkerContext(
        config=config,
        log_id="log",
        owner="benchmark",
        partitions=partitions,
        metrics=Metrics(),
        partition_of=lambda _: 0,
        is_gap=lambda *_: False,
        new_writer=lambda partition: _topic_of_one_change().writer(partition),  # type: ignore[arg-type, return-value]
        read_log=HealthyLog(database).read,
        changes_behind=ChangeTopic().changes_behind,
        new_risk_writer=lambda partition: _topic_of_one_change().writer(partition),  # type: ignore[arg-type, return-value]
        risk_changes_behind=ChangeTopic(RISK_CHANGES).changes_behind,
        new_dead_letter_publisher=partial(DeadLetterPublisher, BROKERS, TOPICS, "log"),
    )


def _topic_of_one_change() -> ChangeTopic:
    topic = ChangeTopic()
    topic.rows = deque(maxlen=1)  # type: ignore[assignment]
    return topic


async def apply_a_tick(worker: WorkerContext) -> None:
    """Let all partitions apply one tick two years later."""

    async def seek(offset: int) -> None:
        pass

    tasks = [PartitionTask(worker, partition, seek) for partition in range(worker.partitions)]
    runners = [asyncio.create_task(task.run()) for task in tasks]
    for task in tasks:
        await task.claimed.wait()
        task.offer([Record(0, None, msgspec.json.encode(Tick(PURCHASED + timedelta(days=730))))])
    while any(status.next_offset < 1 for status in worker.metrics.partitions.values()):
        await asyncio.sleep(0.05)
    for task in tasks:
        task.stop()
    await asyncio.gather(*runners)
    for task in tasks:
        await task.close()


def measure(database: str, customers: int, partitions: int, batch_size: int) -> None:
    """Measure and print."""
    migrate(database)
    model = a_model()
    model_registry.register(engine(database), model)
    with psycopg.connect(database, autocommit=True) as connection:
        parameters = {"customers": customers, "partitions": partitions, "at": PURCHASED, "version": model.version}
        connection.execute(FILL, parameters)
        connection.execute("VACUUM ANALYZE customers")
    highest, before = Highest(database), psutil.Process().memory_info().rss
    started = time.perf_counter()
    with highest.watching():
        asyncio.run(apply_a_tick(context(database, partitions, batch_size)))
    seconds = time.perf_counter() - started
    with psycopg.connect(database) as connection:
        changes = connection.execute("SELECT count(*), count(DISTINCT xmin::text) FROM segment_changes").fetchone()
    if changes is None or changes[0] != 2 * customers:
        raise RuntimeError(f"expected {2 * customers} changes, not {changes}")
    sys.stdout.write(
        f"{customers:,} customers due in {partitions} partitions, "
        f"{changes[0]:,} changes in {changes[1]:,} transactions\n"
        f"{seconds:.1f} s, {(highest.resident - before) / MEBIBYTE:,.0f} MiB more resident memory, "
        f"longest transaction {highest.transaction:.2f} s\n"
    )


def main() -> None:
    """Measure in a Postgres of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=300_000)
    parser.add_argument("--partitions", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=5_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="segue-benchmark-") as folder:
        server = LocalPostgres.start(Path(folder) / "postgres")
        try:
            measure(server.url, arguments.customers, arguments.partitions, arguments.batch_size)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
