"""One partition's way through the worker: records come in, are decoded at once, and applied batch by batch in order.

While a batch waits for Postgres, the records behind it are decoded; small ones are merged, so that batches grow under
load. Nothing is ever skipped: when Postgres is away, or anything else goes wrong, the lane waits, asks the store how
far it really got, and goes on from there. It ends only when another worker has claimed its partition.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from tenacity import AsyncRetrying, retry_if_not_exception_type, wait_exponential

from models.segment_model import SegmentModel
from stream_app.changes import change_rows
from stream_app.decode import Batch, LogRecord, decode
from stream_app.publisher import Publisher
from stream_app.step import Progress, take_step
from stream_app.store import FencedError, PartitionStore

log = structlog.get_logger(__name__)

_IDLE_SECONDS = 0.25
_LINGER_SECONDS = 0.05
_CLOSE_SECONDS = 5.0
_OUTBOX_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Shared:
    """What all lanes of a worker have in common."""

    database_url: str
    log_id: str
    owner: str
    currency: str
    batch_size: int
    publisher: Publisher
    partition_of: Callable[[str], int]


class Lane:
    """One assigned partition. :meth:`claim` it, then :meth:`run` it, while records are offered."""

    def __init__(self, shared: Shared, partition: int) -> None:
        self._shared = shared
        self._partition = partition
        self._log = log.bind(partition=partition)
        self._pending: deque[Batch] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._queued = asyncio.Event()
        self._gap: tuple[int, int] | None = None
        self._store: PartitionStore
        self._progress: Progress
        self._model: SegmentModel
        self._personas: dict[str, str] = {}
        self._outdated = True
        self._unmarked = False
        self._stopping = False
        self._last_begun = 0.0
        self._next_offered = 0
        self._queued_position = 0
        self._queued_offset = 0
        self._published_position = 0
        self._published_offset = 0

    async def claim(self) -> int:
        """Take the partition over, and return the offset to read from."""
        async for attempt in self._patiently("claim"):
            with attempt:
                self._store = await PartitionStore.connect(self._shared.database_url, self._partition)
                self._progress = await self._store.claim(self._shared.log_id, self._shared.owner)
                await self._use_model(self._progress.model_version)
        self._next_offered = self._published_offset = self._queued_offset = self._progress.next_offset
        self._queued_position = self._published_position = self._progress.published_position
        self._log.info("claimed", offset=self._progress.next_offset, epoch=self._progress.epoch)
        return self._progress.next_offset

    def offer(self, records: Sequence[LogRecord]) -> int | None:
        """Take in records of the partition; returns an offset to read from again if some before them are missing.

        Offsets that are missing a second time are believed to be missing in the log itself.
        """
        first = records[0].offset
        if first > self._next_offered and self._gap != (self._next_offered, first):
            reread = self._gap is None or self._gap[0] != self._next_offered
            if reread:
                self._gap = (self._next_offered, first)
            return self._next_offered if reread else None
        if first > self._next_offered:
            self._log.warning("offsets missing in the log", expected=self._next_offered, found=first)
        fresh = [record for record in records if record.offset >= self._next_offered]
        if fresh:
            self._next_offered = fresh[-1].offset + 1
            self._pending.extend(decode(fresh, self._shared.currency))
            self._arrived.set()
            if sum(batch.records for batch in self._pending) > 2 * self._shared.batch_size:
                self._room.clear()
        return None

    async def has_room(self) -> None:
        """Wait until it makes sense to offer more."""
        await self._room.wait()

    async def run(self) -> None:
        """Apply what is offered until stopped, or until another worker has claimed the partition."""
        acknowledging = asyncio.create_task(self._acknowledge())
        try:
            healthy = True
            while not self._stopping:
                try:
                    if not healthy:
                        await self._recover()
                    healthy = True
                    await self._republish()
                    await self._work()
                except FencedError as error:
                    self._log.warning("fenced", reason=str(error))
                    return
                except Exception as error:
                    self._log.error("will try again", error=repr(error), exc_info=healthy)
                    healthy = False
                    await asyncio.sleep(_IDLE_SECONDS)
        finally:
            acknowledging.cancel()
            self._room.set()

    def stop(self) -> None:
        """End :meth:`run` after the batch in hand."""
        self._stopping = True
        self._arrived.set()

    async def close(self) -> None:
        """Wait for the broker to have everything, note that, and let go."""
        try:
            await asyncio.wait_for(self._shared.publisher.delivered(), _CLOSE_SECONDS)
            self._published_position, self._published_offset = self._queued_position, self._queued_offset
            await self._note_published()
        except Exception as error:
            self._log.warning("could not note what was published; it may be published again", error=repr(error))
        finally:
            await self._store.close()

    async def _work(self) -> None:
        while not self._stopping:
            if not self._pending:
                self._room.set()
                self._arrived.clear()
                if not await self._catch_up_with_model():
                    await self._wait_for_records()
                continue
            await self._linger()
            batch = self._merged()
            if batch.next_offset > self._progress.next_offset:
                while batch.model is not None and await self._catch_up_with_model():
                    pass
                await self._apply(batch)
            self._pending.popleft()
            self._room.set()
            await self._catch_up_with_model()

    async def _linger(self) -> None:
        """Under load, let a batch grow for a moment: a transaction costs about as much as a thousand records."""
        while (
            not self._stopping
            and sum(batch.records for batch in self._pending) < self._shared.batch_size
            and (rest := self._last_begun + _LINGER_SECONDS - time.monotonic()) > 0
        ):
            self._room.set()
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), rest)
        self._last_begun = time.monotonic()

    async def _wait_for_records(self) -> None:
        try:
            await asyncio.wait_for(self._arrived.wait(), _IDLE_SECONDS)
        except TimeoutError:
            await self._note_published()

    def _merged(self) -> Batch:
        batch = self._pending[0]
        while (
            len(self._pending) > 1
            and batch.model is None
            and batch.records + self._pending[1].records <= self._shared.batch_size
        ):
            batch.extend(self._pending[1])
            del self._pending[1]
        return batch

    async def _apply(self, batch: Batch) -> None:
        stored = await self._store.stored(batch, self._model, self._progress.event_time)
        step = take_step(batch, stored, self._model, self._progress, self._shared.partition_of)
        changes = change_rows(batch, step, self._progress)
        self._progress = await self._store.save(batch, step, changes, self._progress, self._published_position)
        await self._shared.publisher.publish_changes(changes, self._personas)
        await self._shared.publisher.publish_dead_letters(step.dead_letters, self._shared.log_id, self._partition)
        self._unmarked = self._unmarked or bool(step.dead_letters)
        self._note_queued()
        if batch.model is not None:
            await self._use_model(batch.model.version)

    async def _catch_up_with_model(self) -> bool:
        """Rescore some customers that are still under an older model; False when there are none."""
        if not self._outdated:
            return False
        stored = await self._store.outdated(self._model, self._shared.batch_size)
        self._outdated = len(stored.profiles) > 0
        if self._outdated:
            nothing_new = Batch(self._progress.next_offset, self._progress.next_offset)
            step = take_step(nothing_new, stored, self._model, self._progress, self._shared.partition_of)
            changes = change_rows(nothing_new, step, self._progress)
            self._progress = await self._store.save(
                nothing_new, step, changes, self._progress, self._published_position
            )
            await self._shared.publisher.publish_changes(changes, self._personas)
            self._note_queued()
        return self._outdated

    async def _use_model(self, version: str) -> None:
        self._model = await self._store.model(version)
        self._personas |= {segment.id: segment.name for segment in self._model.segments}
        self._outdated = True

    async def _republish(self) -> None:
        """Publish what was committed but is not known to have been handed to the broker."""
        while rows := await self._store.unpublished_changes(self._queued_position, _OUTBOX_ROWS):
            await self._shared.publisher.publish_changes(rows, self._personas)
            self._queued_position = rows[-1].position
        letters = await self._store.unpublished_dead_letters(self._shared.log_id)
        await self._shared.publisher.publish_dead_letters(letters, self._shared.log_id, self._partition)
        self._unmarked = bool(letters)
        self._note_queued()

    def _note_queued(self) -> None:
        self._queued_position = self._progress.change_position
        self._queued_offset = self._progress.next_offset
        self._queued.set()

    async def _acknowledge(self) -> None:
        """Follow the broker: what was queued becomes published once it has everything."""
        while True:
            await self._queued.wait()
            self._queued.clear()
            position, offset = self._queued_position, self._queued_offset
            async for attempt in self._patiently("publish"):
                with attempt:
                    await self._shared.publisher.delivered()
            self._published_position, self._published_offset = position, offset

    async def _note_published(self) -> None:
        if self._published_offset != self._progress.next_offset:
            return
        if self._unmarked or self._published_position > self._progress.published_position:
            self._progress = await self._store.mark_published(self._progress, self._published_position)
            self._unmarked = False

    async def _recover(self) -> None:
        """After a fault: connect again, and let the store say what has been committed."""
        await self._store.close()
        async for attempt in self._patiently("recover"):
            with attempt:
                self._store = await PartitionStore.connect(self._shared.database_url, self._partition)
                self._progress = await self._store.progress(self._progress)
                await self._use_model(self._progress.model_version)

    def _patiently(self, what: str) -> AsyncRetrying:
        return AsyncRetrying(
            wait=wait_exponential(0.1, max=2),
            retry=retry_if_not_exception_type((FencedError, asyncio.CancelledError)),
            before_sleep=lambda state: self._log.warning(
                f"can't {what}; will try again", error=str(state.outcome and state.outcome.exception())
            ),
            reraise=True,
        )
