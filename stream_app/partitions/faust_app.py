"""The Faust app. Faust does consumer groups, fetching and rebalancing; Segue does offsets and micro-batches.

Two extension points of Faust make that possible. A ``ConsumerScheduler`` passes each fetched list of records to the
agent as one event instead of one event for each record, with a hundredth of the trips through the event loop. The
consumer's committed offsets come from Postgres: an assigned partition is claimed there.
"""

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

import faust
import structlog
from aiokafka.errors import IllegalStateError
from faust.exceptions import ConsumerNotStarted
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream_app.partition_status import LogEnd
from stream_app.partitions.assignment import PartitionAssignment
from stream_app.partitions.credentials import credentials
from stream_app.partitions.worker_context import WorkerContext
from stream_app.stages import Stage

log = structlog.get_logger(__name__)

_FETCH_WAIT_MILLISECONDS = 50
_METADATA_MILLISECONDS = 15_000

Claim = Callable[[set[TP]], Awaitable[Mapping[TP, int]]]


class FetchedListScheduler:
    """A scheduling strategy: one record for each partition, whose value is the list of all its fetched records."""

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        """Yield one record for each partition that has fetched records."""
        for partition, fetched in records.items():
            if fetched:
                yield partition, _as_one_record(fetched)


def _as_one_record(fetched: list[Any]) -> Any:
    first = fetched[0]
    return SimpleNamespace(
        topic=first.topic,
        partition=first.partition,
        offset=first.offset,
        timestamp=first.timestamp,
        timestamp_type=first.timestamp_type,
        headers=(),
        key=None,
        value=fetched,
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=sum(max(record.serialized_value_size, 0) for record in fetched),
    )


class PromptConsumerThread(driver.AIOKafkaConsumerThread):
    """A consumer thread in which partitions without new records do not delay the others.

    aiokafka has one fetch request at a time in flight to a broker. The broker answers a request that asks only for
    partitions without new records after a wait that Faust fixes at 1.5 s.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MILLISECONDS
        # Other producers may write in Kafka transactions; Faust would read what they have not committed.
        consumer._isolation_level = "read_committed"
        return consumer

    async def _fetch_records(self, *arguments: Any, **options: Any) -> Any:
        started = time.thread_time()
        records = await super()._fetch_records(*arguments, **options)
        if records:
            # What this thread has worked since then; most of the time it has waited.
            self.consumer.fetched(time.thread_time() - started)  # type: ignore[attr-defined]
        return records


class PostgresOffsetConsumer(driver.Consumer):
    """A consumer whose committed offsets come from claiming its partitions."""

    claim: Claim
    fetched: Callable[[float], None]

    def _new_consumer_thread(self) -> PromptConsumerThread:
        return PromptConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def log_end(self, partition: TP) -> LogEnd:
        """The end offset of a partition, as the broker last reported it; any thread may call this."""
        try:
            consumer = self._thread._ensure_consumer()
            end, polled = consumer.highwater(partition), consumer.last_poll_timestamp(partition)
        except (AssertionError, AttributeError, ConsumerNotStarted):
            return LogEnd(None, None)
        return LogEnd(end, None if polled is None else time.time() - polled / 1_000)

    def fetched_to(self, partition: TP) -> int | None:
        """The offset up to which records have been fetched; None if it is not known."""
        try:
            subscription = self._thread._ensure_consumer()._subscription.subscription
            state = subscription.assignment.state_value(partition)
        except (AttributeError, ConsumerNotStarted):
            return None
        return state.position if state is not None and state.has_valid_position else None

    async def _seek(self, partition: TP, offset: int) -> None:
        # In the consumer's own thread: elsewhere Faust would drop records that the fetcher is working on, and crash it.
        await self._thread.call_thread(self._thread.seek, partition, offset)  # type: ignore[arg-type]

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Claim the assigned partitions, which seeks; returns their next offsets."""
        return await self.claim(self.assignment())


class _NoTables(TableManager):
    """Faust's manager of tables without its wait of a second at the start for tables: Segue has none."""

    async def on_start(self) -> None:
        """Start what a start without tables needs."""
        await self._update_channels()
        await self.recovery.start()


class PromptWorker(faust.Worker):
    """A worker that ends when all of its tasks have ended; Faust's own would wait one more second."""

    async def _sentinel_task(self) -> None:
        pass


class _App(faust.App):
    """Faust without its folders for tables: Segue keeps its state in Postgres."""

    def _create_directories(self) -> None:
        pass


def create_app(context: WorkerContext) -> faust.App:
    """The app, ready for a Faust worker."""
    config, topic = context.config, context.config.topics.transactions
    app = _App(
        config.consumer_group,
        broker=[f"kafka://{server}" for server in config.brokers.servers.split(",")],
        broker_credentials=credentials(config.brokers),
        ConsumerScheduler=FetchedListScheduler,
        TableManager=_NoTables,
        consumer_auto_offset_reset="earliest",
        # A member with a fixed name gets its partitions back after a restart, without a rebalance of the others.
        consumer_group_instance_id=config.worker_id,
        broker_session_timeout=config.session_timeout,
        broker_heartbeat_interval=config.session_timeout / 3,
        # A topic that was deleted is assigned again soon after it is created again.
        consumer_metadata_max_age_ms=_METADATA_MILLISECONDS,
        broker_max_poll_records=config.batch_size,
        consumer_max_fetch_size=4 * 1024 * 1024,
        stream_buffer_maxsize=64,
        stream_wait_empty=False,
        topic_disable_leader=True,
        # Without standbys partitions are assigned round-robin; Faust's own assignor would leave some workers idle.
        table_standby_replicas=0,
        topic_allow_declare=False,
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
    )

    assignment = PartitionAssignment(context, _AppFetcher(app))
    _use_consumer(app, assignment.claim, partial(context.metrics.worked, Stage.FETCH))
    context.metrics.log_end = partial(_log_end, app, topic)
    source = app.topic(topic, key_serializer="raw", value_serializer="raw", acks=False)

    @app.agent(source)
    async def apply(stream: Any) -> None:
        async for event in stream.events():
            await assignment.offer(event.message.tp, event.value)

    app.task(assignment.watch)
    app.task(assignment.watch_log)

    @app.on_partitions_assigned.connect  # type: ignore[arg-type]
    async def join(_app: Any, assigned: set[TP], *_: Any, **__: Any) -> None:
        log.info("assigned", partitions=sorted(partition.partition for partition in assigned))
        assignment.begin()
        context.metrics.joined = True

    @app.on_partitions_revoked.connect  # type: ignore[arg-type]
    async def release(_app: Any, revoked: set[TP], *_: Any, **__: Any) -> None:
        log.info("revoked", partitions=sorted(partition.partition for partition in revoked))
        await assignment.release()

    @app.on_before_shutdown.connect  # type: ignore[arg-type]
    async def stop(_app: Any, *_: Any, **__: Any) -> None:
        await assignment.release()

    return app


class _AppFetcher:
    """The app's consumer as partition tasks use it; the app creates the consumer when it starts."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def seek(self, partition: TP, offset: int) -> None:
        # A partition that has been revoked meanwhile can't seek.
        with contextlib.suppress(IllegalStateError):
            await self._app.consumer.seek(partition, offset)

    def fetched_to(self, partition: TP) -> int | None:
        fetched_to: int | None = self._app.consumer.fetched_to(partition)
        return fetched_to


def _log_end(app: Any, topic: str, partition: int) -> LogEnd:
    end: LogEnd = app.consumer.log_end(TP(topic, partition))
    return end


def _use_consumer(app: faust.App, claim: Claim, fetched: Callable[[float], None]) -> None:
    """Make the app consume with a :class:`PostgresOffsetConsumer` that claims partitions with ``claim``.

    ``fetched`` is called with the CPU seconds that fetching some records took.
    """
    calls = {"claim": staticmethod(claim), "fetched": staticmethod(fetched)}
    consumer = type("SegueConsumer", (PostgresOffsetConsumer,), calls)
    transport = type("SegueTransport", (driver.Transport,), {"Consumer": consumer})
    app.transport = transport(app.conf.broker_consumer, app)
