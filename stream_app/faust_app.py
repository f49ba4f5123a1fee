"""The Faust app: consumer groups, fetching and rebalancing are Faust's; positions and batches are ours.

Two of Faust's own extension points carry the design. The ``ConsumerScheduler`` hands the agent every fetched list of
a partition as one event instead of one event a record (a hundred times fewer trips through the event loop). The
consumer's committed position comes from Postgres: being assigned a partition means claiming it there.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import faust
import structlog
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream_app.lane import Lane, Shared

log = structlog.get_logger(__name__)

_RELEASE_SECONDS = 3.0
_FETCH_WAIT_MILLISECONDS = 50

Assign = Callable[[set[TP]], Awaitable[Mapping[TP, int]]]


class WholeLists:
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


class PromptFetches(driver.AIOKafkaConsumerThread):
    """A consumer thread that does not let a quiet partition hold up busy ones.

    aiokafka has one fetch request at a time under way to a broker; one that asks for quiet partitions alone is
    answered only after the wait that Faust fixes at 1.5 s.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MILLISECONDS
        return consumer


class PostgresPositions(driver.Consumer):
    """A consumer that takes its positions from where its partitions are claimed."""

    assign: Assign

    def _new_consumer_thread(self) -> PromptFetches:
        return PromptFetches(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Claim what is assigned, and seek to where the claims say."""
        positions = await self.assign(self.assignment())
        for partition, offset in positions.items():
            await self._seek(partition, offset)
        return positions


class Lanes:
    """The partitions that this worker holds, each with a task of its own."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._lanes: dict[int, tuple[Lane, asyncio.Task[None]]] = {}

    async def assign(self, partitions: set[TP]) -> Mapping[TP, int]:
        """Claim partitions, letting go of all others; returns where to read from."""
        await self.release()
        lanes = {partition: Lane(self._shared, partition.partition) for partition in partitions}
        offsets = await asyncio.gather(*(lane.claim() for lane in lanes.values()))
        for partition, lane in lanes.items():
            self._lanes[partition.partition] = (lane, asyncio.create_task(lane.run()))
        return dict(zip(lanes, offsets, strict=True))

    async def offer(self, partition: int, records: list[Any]) -> int | None:
        """Pass fetched records on, as soon as their lane has room; returns an offset to read from again, if any."""
        held = self._lanes.get(partition)
        if held is None:
            return None
        lane, _ = held
        await lane.has_room()
        return lane.offer(records)

    async def release(self) -> None:
        """Stop every lane after the batch in hand; one that can't finish it is cut off, and its transaction with it."""
        held, self._lanes = list(self._lanes.values()), {}
        for lane, _ in held:
            lane.stop()
        if held:
            _, late = await asyncio.wait([task for _, task in held], timeout=_RELEASE_SECONDS)
            for task in late:
                task.cancel()
        await asyncio.gather(*(lane.close() for lane, _ in held))


def create_app(
    *, bootstrap_servers: str, topic: str, group: str, shared: Shared, session_timeout: float, batch_size: int
) -> faust.App:
    """The app, ready for a Faust worker."""
    app = faust.App(
        group,
        broker=[f"kafka://{server}" for server in bootstrap_servers.split(",")],
        ConsumerScheduler=WholeLists,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=session_timeout,
        broker_heartbeat_interval=session_timeout / 3,
        broker_max_poll_records=batch_size,
        consumer_max_fetch_size=4 * 1024 * 1024,
        stream_buffer_maxsize=64,
        stream_wait_empty=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        # Faust wants a folder for tables; there are none.
        datadir=tempfile.mkdtemp(prefix="segue-faust-"),
        key_serializer="raw",
        value_serializer="raw",
    )
    lanes = Lanes(shared)
    _take_positions_from(app, lanes.assign)
    source = app.topic(topic, key_serializer="raw", value_serializer="raw", acks=False)

    @app.agent(source)
    async def apply(stream: Any) -> None:
        async for event in stream.events():
            reread = await lanes.offer(event.message.partition, event.value)
            if reread is not None:
                log.warning("reading again", partition=event.message.partition, offset=reread)
                await app.consumer.seek(event.message.tp, reread)

    @app.on_partitions_revoked.connect  # type: ignore[arg-type]
    async def release(_app: Any, *_: Any, **__: Any) -> None:
        await lanes.release()

    @app.on_before_shutdown.connect  # type: ignore[arg-type]
    async def stop(_app: Any, *_: Any, **__: Any) -> None:
        await lanes.release()

    return app


def _take_positions_from(app: faust.App, assign: Assign) -> None:
    consumer = type("SegueConsumer", (PostgresPositions,), {"assign": staticmethod(assign)})
    transport = type("SegueTransport", (driver.Transport,), {"Consumer": consumer})
    app.transport = transport(app.conf.broker_consumer, app)
