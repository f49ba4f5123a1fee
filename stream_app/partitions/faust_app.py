"""The Faust app: consumer groups, fetching and rebalancing are Faust's; positions and batches are ours.

Two of Faust's own extension points carry the design. The ``ConsumerScheduler`` hands the agent every fetched list of
a partition as one event instead of one event a record (a hundred times fewer trips through the event loop). The
consumer's committed position comes from Postgres: being assigned a partition means claiming it there.
"""

import contextlib
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

import faust
import structlog
from aiokafka.errors import IllegalStateError
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from runtime.brokers import Brokers
from stream_app.metrics import LogEnd
from stream_app.partitions.assignment import PartitionAssignment
from stream_app.partitions.credentials import credentials
from stream_app.partitions.lifecycle import WorkerContext

log = structlog.get_logger(__name__)

_FETCH_WAIT_MILLISECONDS = 50

Assign = Callable[[set[TP]], Awaitable[Mapping[TP, int]]]


class FetchedListScheduler:
    """A scheduling strategy: one pseudo-record per partition, whose value is the list of all its fetched records."""

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        """Yield what was fetched, partition by partition."""
        for partition, fetched in records.items():
            if fetched:
                yield partition, _as_one(fetched)


def _as_one(fetched: list[Any]) -> Any:
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
    """A consumer thread that does not let a quiet partition hold up busy ones.

    aiokafka has one fetch request at a time under way to a broker; one that asks for quiet partitions alone is
    answered only after the wait that Faust fixes at 1.5 s.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MILLISECONDS
        # What somebody else's transaction has not committed has not happened; Faust would read it all the same.
        consumer._isolation_level = "read_committed"
        return consumer


class PostgresOffsetConsumer(driver.Consumer):
    """A consumer that takes its positions from where its partitions are claimed."""

    assign: Assign

    def _new_consumer_thread(self) -> PromptConsumerThread:
        return PromptConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def reach(self, partition: TP) -> LogEnd:
        """How far the log reaches, as the broker last said; may be asked from any thread."""
        try:
            consumer = self._thread._ensure_consumer()
            end, polled = consumer.highwater(partition), consumer.last_poll_timestamp(partition)
        except (AssertionError, AttributeError, ConsumerNotStarted):
            return LogEnd(None, None)
        return LogEnd(end, None if polled is None else time.time() - polled / 1_000)

    def fetched_to(self, partition: TP) -> int | None:
        """The offset up to which records have been fetched, or None without a valid one."""
        try:
            subscription = self._thread._ensure_consumer()._subscription.subscription
            state = subscription.assignment.state_value(partition)
        except (AttributeError, ConsumerNotStarted):
            return None
        return state.position if state is not None and state.has_valid_position else None

    async def _seek(self, partition: TP, offset: int) -> None:
        # In the consumer's own thread: Faust would take records from under the hands of the fetcher, and crash it.
        await self._thread.call_thread(self._thread.seek, partition, offset)  # type: ignore[arg-type]

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Have what is assigned claimed; whoever claims it seeks."""
        return await self.assign(self.assignment())


def create_app(
    *,
    brokers: Brokers,
    topic: str,
    group: str,
    shared: WorkerContext,
    session_timeout: float,
    worker_id: str | None,
    batch_size: int,
) -> faust.App:
    """The app, ready for a Faust worker."""
    app = faust.App(
        group,
        broker=[f"kafka://{server}" for server in brokers.servers.split(",")],
        broker_credentials=credentials(brokers),
        ConsumerScheduler=FetchedListScheduler,
        consumer_auto_offset_reset="earliest",
        # A member with a name of its own gets its partitions back without anybody else letting go of theirs.
        consumer_group_instance_id=worker_id,
        broker_session_timeout=session_timeout,
        broker_heartbeat_interval=session_timeout / 3,
        broker_max_poll_records=batch_size,
        consumer_max_fetch_size=4 * 1024 * 1024,
        stream_buffer_maxsize=64,
        stream_wait_empty=False,
        topic_disable_leader=True,
        # Without standbys partitions are dealt out in turn; Faust's own assignor would leave some workers without any.
        table_standby_replicas=0,
        topic_allow_declare=False,
        web_enabled=False,
        # Faust wants a folder for tables; there are none.
        datadir=tempfile.mkdtemp(prefix="segue-faust-"),
        key_serializer="raw",
        value_serializer="raw",
    )

    lanes = PartitionAssignment(shared, _Fetching(app))
    _take_positions_from(app, lanes.assign)
    shared.metrics.reach = partial(_reach, app, topic)
    source = app.topic(topic, key_serializer="raw", value_serializer="raw", acks=False)

    @app.agent(source)
    async def apply(stream: Any) -> None:
        async for event in stream.events():
            await lanes.offer(event.message.tp, event.value)

    app.task(lanes.watch)

    @app.on_partitions_assigned.connect  # type: ignore[arg-type]
    async def join(_app: Any, assigned: set[TP], *_: Any, **__: Any) -> None:
        log.info("assigned", partitions=sorted(partition.partition for partition in assigned))
        lanes.admit()
        shared.metrics.joined = True

    @app.on_partitions_revoked.connect  # type: ignore[arg-type]
    async def release(_app: Any, revoked: set[TP], *_: Any, **__: Any) -> None:
        log.info("revoked", partitions=sorted(partition.partition for partition in revoked))
        await lanes.release()

    @app.on_before_shutdown.connect  # type: ignore[arg-type]
    async def stop(_app: Any, *_: Any, **__: Any) -> None:
        await lanes.release()

    return app


class _Fetching:
    """What lanes need of the app's consumer, which is made when the app starts."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def seek(self, partition: TP, offset: int) -> None:
        # A partition that was taken away meanwhile has nothing to read from.
        with contextlib.suppress(IllegalStateError):
            await self._app.consumer.seek(partition, offset)

    def fetched_to(self, partition: TP) -> int | None:
        fetched: int | None = self._app.consumer.fetched_to(partition)
        return fetched


def _reach(app: Any, topic: str, partition: int) -> LogEnd:
    reach: LogEnd = app.consumer.reach(TP(topic, partition))
    return reach


def _take_positions_from(app: faust.App, assign: Assign) -> None:
    consumer = type("SegueConsumer", (PostgresOffsetConsumer,), {"assign": staticmethod(assign)})
    transport = type("SegueTransport", (driver.Transport,), {"Consumer": consumer})
    app.transport = transport(app.conf.broker_consumer, app)
