"""One partition's way through the worker: records come in, are decoded at once, and applied batch by batch in order.

While a batch waits for Postgres, the records behind it are decoded (``inbox.py``); while it is published, the next one
is applied (``relay.py``). Nothing is ever skipped: when Postgres is away, or anything else goes wrong, the lane waits,
asks the store how far it really got, and reads the log again from there. When another worker has claimed its partition,
the lane stands back for long enough to be told so by the consumer group, and claims it again only if it is not.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from data.contract.change_row import ChangeRow
from models.segment_model import SegmentModel
from runtime.backoff import wait_seconds
from stream_app.core.apply import PartitionProgress, apply_batch
from stream_app.core.change_rows import change_rows
from stream_app.core.decode import DeadLetter, LogRecord, MicroBatch
from stream_app.metrics import Metrics
from stream_app.outbox.change_writer import ChangeWriter
from stream_app.outbox.dead_letter_publisher import DeadLetterPublisher
from stream_app.outbox.relay import LastEvent, Relay
from stream_app.partitions.buffer import RecordBuffer
from stream_app.storage.unit_of_work import FencedError, PartitionStore

log = structlog.get_logger(__name__)

_IDLE_SECONDS = 0.25
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What all lanes of a worker have in common.

    ``stand_back_seconds`` is how long a lane whose partition was claimed by another worker leaves it alone: longer than
    it takes for the consumer group to say whose it is. ``partitions`` is how many the log had when the worker started;
    a later one is left alone, since customers would have moved into it. ``is_gap`` says whether a partition of the log
    has nothing from one offset up to another one.
    """

    database_url: str
    log_id: str
    owner: str
    currency: str
    batch_size: int
    stand_back_seconds: float
    open_writer: Callable[[int], ChangeWriter]
    last_event: LastEvent
    open_dead_letters: Callable[[int], DeadLetterPublisher]
    metrics: Metrics
    partitions: int
    partition_of: Callable[[str], int]
    is_gap: Callable[[int, int, int], bool]


class PartitionTask:
    """One assigned partition: :meth:`run` it, and offer it records once it is :attr:`claimed`.

    ``read_from`` is told the offset to read the log from, every time that it has been found out.
    """

    def __init__(self, shared: WorkerContext, partition: int, read_from: Callable[[int], Awaitable[None]]) -> None:
        self._shared = shared
        self._partition = partition
        self._read_from = read_from
        self._log = log.bind(partition=partition)
        self._metrics = shared.metrics
        self._metrics.assigned(partition)
        self._store = PartitionStore(shared.database_url, partition)
        self._inbox = RecordBuffer(shared.currency, shared.batch_size)
        self._stopped = asyncio.Event()
        self._holds = False
        self.claimed = asyncio.Event()
        self._progress: PartitionProgress
        self._model: SegmentModel
        self._personas: dict[str, str] = {}
        self._outdated = True
        self._rescored_to = ""
        self._failures = 0
        self._dead_letters = shared.open_dead_letters(partition)
        self._relay: Relay | None = None

    @property
    def position(self) -> int:
        """The next offset to be offered."""
        return self._inbox.position

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do but to wait for records."""
        return self.claimed.is_set() and not self._inbox

    def offer(self, records: Sequence[LogRecord]) -> int | None:
        """Take in records of the partition; refuses them, and returns the first one missing, if some before them are.

        Nothing is taken while the partition is not claimed: then nobody knows yet what comes first.
        """
        return self._inbox.offer(records) if self.claimed.is_set() else None

    def skip(self, missing: int, offset: int) -> bool:
        """Expect what comes next at an offset, since the log has nothing from ``missing`` on up to there.

        False if something else has come to be expected meanwhile.
        """
        if self._inbox.position != missing:
            return False
        self._inbox.skip(offset)
        return True

    async def has_room(self) -> None:
        """Wait until it makes sense to offer more."""
        await self._inbox.has_room()

    async def run(self) -> None:
        """Claim the partition, and apply what is offered until stopped."""
        if self._partition >= self._shared.partitions:
            self._log.error("not claimed: partitions were added to the log, see docs/operations.md")
            await self._stopped.wait()
            return
        try:
            while not self._stopping:
                try:
                    await self._go_on()
                except Exception as error:
                    self._log.error("will try again", error=repr(error), exc_info=not self._failures)
                    self._failures += 1
                    self._metrics.failed(self._partition, error)
                    await self._nap(wait_seconds(self._failures))
        finally:
            self._inbox.close()

    def stop(self) -> None:
        """End :meth:`run` after the batch in hand."""
        self._stopped.set()
        self._inbox.close()

    async def close(self) -> None:
        """Wait for the broker to have everything, note that, and let go."""
        try:
            if self.claimed.is_set() and self._relay is not None:
                await asyncio.wait_for(self._relay.delivered(), _CLOSE_SECONDS)
                await asyncio.wait_for(self._note_published(), _CLOSE_SECONDS)
        except Exception as error:
            self._log.warning("could not note what was published", error=repr(error))
        finally:
            self._metrics.released(self._partition)
            self._dead_letters.close()
            await self._end_relay()
            await self._store.close()

    async def _go_on(self) -> None:
        """Take the partition up and work on it until stopped, or until somebody else has it."""
        try:
            await self._take_up()
            await self._work()
        except FencedError as error:
            self._log.warning("fenced", reason=str(error))
            self._metrics.fenced(self._partition)
            self._holds = False
            self.claimed.clear()
            await self._end_relay()
            await self._nap(self._shared.stand_back_seconds)

    @property
    def _published(self) -> int:
        return self._progress.published_position if self._relay is None else self._relay.published

    @property
    def _stopping(self) -> bool:
        return self._stopped.is_set()

    async def _take_up(self) -> None:
        """Claim the partition, or see where it stands if it is ours, and go on from there."""
        await self._store.open()
        if self._holds:
            self._progress = await self._store.progress(self._progress)
        else:
            self._progress = await self._store.claim(self._shared.log_id, self._shared.owner)
            # What goes wrong from here on is no reason to claim it again, away from who may have done so since.
            self._holds = True
            self._log.info("claimed", offset=self._progress.next_offset, epoch=self._progress.epoch)
        self._personas |= await self._store.personas()
        await self._use_model(self._progress.model_version)
        await self._publish_rest()
        self._inbox.begin(self._progress.next_offset)
        await self._read_from(self._progress.next_offset)
        self.claimed.set()
        self._inbox.open()
        self._metrics.claimed(self._progress)

    async def _work(self) -> None:
        while not self._stopping:
            if self._relay is not None and self._relay.ended:
                raise FencedError("publishing is for somebody else now")
            if not self._inbox:
                caught_up = not await self._catch_up_with_model()
                if caught_up and not await self._inbox.filled(_IDLE_SECONDS):
                    await self._note_published()
                continue
            batch = await self._inbox.next()
            if batch.next_offset > self._progress.next_offset:
                while batch.model is not None and await self._catch_up_with_model():
                    pass
                await self._apply(batch)
            self._inbox.done()
            await self._catch_up_with_model()

    async def _apply(self, batch: MicroBatch) -> None:
        begun = time.monotonic()
        stored = await self._store.stored(batch, self._model, self._progress.event_time)
        step = apply_batch(batch, stored, self._model, self._progress, self._shared.partition_of)
        changes = change_rows(batch, step, self._progress)
        self._progress = await self._store.save(batch, step, changes, self._progress, self._published)
        self._metrics.committed(self._progress, batch.records, step, time.monotonic() - begun)
        self._offer(changes)
        self._dead_letters.publish(step.dead_letters)
        self._failures = 0
        if batch.model is not None:
            await self._use_model(batch.model.version)

    async def _catch_up_with_model(self) -> bool:
        """Rescore some customers that are still under an older model; False when there are none."""
        if not self._outdated:
            return False
        stored = await self._store.outdated(self._model, self._shared.batch_size, self._rescored_to)
        self._outdated = len(stored.profiles) > 0
        if self._outdated:
            nothing_new = MicroBatch(self._progress.next_offset, self._progress.next_offset)
            step = apply_batch(nothing_new, stored, self._model, self._progress, self._shared.partition_of)
            changes = change_rows(nothing_new, step, self._progress)
            self._progress = await self._store.save(nothing_new, step, changes, self._progress, self._published)
            self._metrics.rescored(self._progress, step)
            self._offer(changes)
            self._rescored_to = max(stored.profiles.customer_id)
        return self._outdated

    async def _use_model(self, version: str) -> None:
        self._model = await self._store.model(version)
        self._personas |= {segment.id: segment.name for segment in self._model.segments}
        self._outdated = True
        self._rescored_to = ""

    async def _publish_rest(self) -> None:
        """Publish what was committed and may not have been published: under a new claim or after a fault."""
        if self._relay is None:
            shared = self._shared
            self._relay = Relay(
                shared.database_url,
                self._progress,
                self._personas,
                shared.open_writer,
                shared.last_event,
                self._metrics.published,
            )
        self._relay.reach(self._progress.change_position)
        self._dead_letters.publish(await self._unpublished_dead_letters())

    def _offer(self, changes: Sequence[ChangeRow]) -> None:
        if self._relay is not None:
            self._relay.offer(changes)

    async def _unpublished_dead_letters(self) -> Sequence[DeadLetter]:
        return await self._store.unpublished_dead_letters(self._shared.log_id)

    async def _note_published(self) -> None:
        letters = await self._dead_letters.delivered(self._unpublished_dead_letters)
        if letters or self._published > self._progress.published_position:
            self._progress = await self._store.mark_published(self._progress, self._published, letters)

    async def _end_relay(self) -> None:
        relay, self._relay = self._relay, None
        if relay is not None:
            await relay.close()

    async def _nap(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)
