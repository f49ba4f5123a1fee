"""A relay of a partition: it publishes every committed change to the change topic, in order and exactly once.

A partition with risk changes has a second relay, which publishes them to the topic of risk changes in the same steps.

Postgres knows which changes there are to publish; the change topic knows which ones are published. The steps have the
same numbers in docs/mechanisms/outbox.md:

1. Check that the claim still holds (``ClaimStore.progress``).
2. Open a writer, which fences all former writers (``ChangeWriter.open``).
3. Read what the topic holds behind the stored published position (``topic_end.changes_behind``); abort a hanging
   transaction.
4. Drop what the outbox has before that position (``Outbox.sequences``); the rest is ahead of the relay.
5. Collect the next changes, from memory or from the outbox (:meth:`Relay._next_changes`).
6. Publish those that the topic does not hold in one Kafka transaction (``ChangeWriter.write``).
7. Save the published position in Postgres (``Outbox.save_published``, or with the next unit of work).

After any fault the relay starts again at step 1.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import structlog

from runtime.backoff import wait_seconds
from stream_app.core.apply import PartitionProgress
from stream_app.outbox.catch_up import CatchUp, ChangesBehind, Observer
from stream_app.outbox.change_writer import ChangeWriter
from stream_app.outbox.row_kinds import SEGMENT_CHANGES, AnyKind, Row
from stream_app.outbox.topic_end import HangingTransactionError
from stream_app.partition_status import Clock
from stream_app.stages import Stage
from stream_app.storage.claim import FencedError
from stream_app.storage.outbox import Outbox

log = structlog.get_logger(__name__)

T = TypeVar("T")


class MostRows(NamedTuple):
    """How many rows a relay holds at most in its queue, and how many it publishes at once.

    Rows that find the queue full are read from the outbox later, so the first number bounds memory only. The commit of
    a Kafka transaction takes about 10 ms, which hardly counts for as many changes as the second number.
    """

    queued: int = 50_000
    at_once: int = 5_000


MOST_ROWS = MostRows()


def one_thread(name: str) -> Executor:
    """A thread that runs one call after another."""
    return ThreadPoolExecutor(1, thread_name_prefix=name)


class Relay:
    """Publishes a partition's changes as long as the claim that the relay was created for holds.

    Attributes
    ----------
    published
        The position up to which all changes are known to be in the topic.
    safe_position
        The published position to save. While the relay is catching up, it stays where the relay started: the
        changes behind it are in another order in the topic, and the next relay must find all of them, too.

    log_id
        The log that the changes come from; another one after a fault of the log.

    Parameters
    ----------
    outbox
        The relay's own: it connects for a moment at a time, while the partition task's is in the middle of a
        transaction.
    personas
        The names of segments by id.
    clock
        Seconds that only grow.
    new_thread
        Creates what runs the blocking calls of the Kafka client, one after another.
    kind
        What is published: segment changes or risk changes. ``outbox``, ``new_writer`` and ``changes_behind`` are those
        of this kind.
    sleep
        Waits some seconds after a fault.
    """

    def __init__(
        self,
        outbox: Outbox,
        claim: PartitionProgress,
        personas: Mapping[str, str],
        new_writer: Callable[[int], ChangeWriter],
        changes_behind: ChangesBehind,
        observer: Observer,
        clock: Clock = time.monotonic,
        new_thread: Callable[[str], Executor] = one_thread,
        kind: AnyKind = SEGMENT_CHANGES,
        most: MostRows = MOST_ROWS,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._claim, self._kind = claim, kind
        self.log_id = claim.log_id
        self._personas = personas
        self._new_writer = new_writer
        self._catch_up = CatchUp(changes_behind, observer, claim, kind, clock)
        self._observer = observer
        self._clock, self._sleep = clock, sleep
        self._most = most
        self._log = log.bind(partition=claim.partition, **kind.log_fields)
        self._outbox = outbox
        self._thread = new_thread(f"{kind.relay_name}-{claim.partition}")
        self._writer = new_writer(claim.partition)
        self._queue: deque[Row] = deque()
        self._last_position, published = kind.positions(claim)
        self._more_to_publish = asyncio.Event()
        self._progressed = asyncio.Event()
        self.published = self.safe_position = published
        self._task = asyncio.create_task(self._run())

    def offer(self, rows: Sequence[Row]) -> None:
        """Queue changes that have just been committed.

        The queue holds consecutive positions. Rows that do not follow the queued ones, or that find the queue full, are
        read from the outbox later; so are all rows behind them until the queue is empty.
        """
        erased = {row.customer_id for row in rows if row.is_tombstone}
        if erased:
            self._drop_queued(erased)
        if rows:
            follows = not self._queue or rows[0].position == self._queue[-1].position + 1
            if follows and len(self._queue) < self._most.queued:
                self._queue.extend(rows)
            self.publish_up_to(rows[-1].position)

    def forget(self, customers: Collection[str]) -> None:
        """Publish no more changes of customers who have been forgotten, and whose changes are gone from the outbox.

        For rows without tombstones; a tombstone that is offered does the same when its turn comes.
        """
        self._drop_queued(customers)
        self._catch_up.forget(customers)

    def _drop_queued(self, customers: Collection[str]) -> None:
        # Unpublished changes of a customer who is forgotten now are published no more.
        self._queue = deque(row for row in self._queue if row.customer_id not in customers)

    @property
    def ahead(self) -> int | None:
        """How many changes of the topic Postgres does not have; None before the topic has been read."""
        return self._catch_up.reported

    @property
    def stopped(self) -> bool:
        """Whether the relay has stopped because its claim no longer holds."""
        return self._task.done()

    def is_beyond(self, progress: PartitionProgress) -> bool:
        """Whether the relay knows a committed change behind the last one that Postgres has: Postgres was set back."""
        return self._last_position > self._kind.positions(progress).last

    def resume(self, progress: PartitionProgress) -> None:
        """Publish everything that is committed by now, from the log that the partition reads now."""
        self.log_id = progress.log_id
        self.publish_up_to(self._kind.positions(progress).last)

    def publish_up_to(self, position: int) -> None:
        """Publish all changes up to a position, including changes that were never offered."""
        self._last_position = max(self._last_position, position)
        self._more_to_publish.set()

    async def wait_until_published(self) -> None:
        """Wait until all changes up to now are in the topic. Never returns if the claim no longer holds."""
        last_position = self._last_position
        while self.published < last_position:
            self._progressed.clear()
            await self._progressed.wait()

    async def close(self) -> None:
        """Stop at once.

        A call that still waits for an unavailable broker is abandoned: the next writer fences this relay's writer.
        """
        self._task.cancel()
        self._writer.close()
        await asyncio.wait([self._task])
        self._thread.submit(self._writer.discard)
        self._thread.shutdown(wait=False)
        await self._outbox.close()

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._start_publishing()
                failures = 0
                while True:
                    await self._publish(await self._next_changes())
            except FencedError as error:
                self._log.warning("another worker publishes this partition now", reason=str(error))
                return
            except Exception as error:
                self._log.warning("will publish later", error=repr(error))
                failures += 1
                await self._sleep(wait_seconds(failures))

    async def _start_publishing(self) -> None:
        """Steps 1 to 4: fence other writers, and find out what is published."""
        await self._in_thread(self._writer.discard)
        async with self._connected_outbox():
            # Step 1: without this check a zombie would fence its successor.
            stored = await self._outbox.progress(self._claim)
            # Step 2.
            self._writer = self._new_writer(self._claim.partition)
            await self._in_thread(self._writer.open)
            try:
                position = await self._catch_up.begin(self._outbox, stored, self.published)
            except HangingTransactionError as error:
                # Opening the writer ended all transactions that its broker knows of. This one never ends by itself.
                await self._in_thread(self._writer.abort_hanging, error.key, error.value)
                raise
        self.published = self.safe_position = position
        self._progressed.set()

    async def _next_changes(self) -> Sequence[Row]:
        """Step 5: the changes behind the published position."""
        while True:
            while self.published >= self._last_position:
                self._more_to_publish.clear()
                await self._more_to_publish.wait()
            while self._queue and self._queue[0].position <= self.published:
                self._queue.popleft()
            if self._queue and self._queue[0].position == self.published + 1:
                return self._consecutive()
            last = self._last_position
            async with self._connected_outbox():
                rows = await self._outbox.unpublished_changes(self.published, self._most.at_once)
            if rows:
                return rows
            # The changes up to there were deleted with their customers.
            self._advance(last)

    def _consecutive(self) -> Sequence[Row]:
        """The first queued rows whose positions follow each other: changes of forgotten customers leave gaps."""
        first = self._queue[0].position
        return [row for at, row in enumerate(islice(self._queue, self._most.at_once)) if row.position == first + at]

    async def _publish(self, rows: Sequence[Row]) -> None:
        """Step 6."""
        missing = self._catch_up.not_in_topic(rows)
        if missing:
            started = self._clock()
            await self._in_thread(self._writer.write, missing, self._personas, self.log_id)
            self._observer.worked(Stage.PUBLISH, self._clock() - started)
        self._advance(rows[-1].position)
        if self._catch_up.report_due(self.published):
            async with self._connected_outbox():
                await self._catch_up.report(self._outbox, self.published)

    def _advance(self, position: int) -> None:
        self.published = position
        if self._catch_up.finished:
            self.safe_position = position
        self._observer.published(self._claim.partition, position)
        self._progressed.set()

    async def _in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        """Run a call of the Kafka client, which blocks, in a thread that runs one call after another."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    @asynccontextmanager
    async def _connected_outbox(self) -> AsyncIterator[None]:
        """Connect for a moment."""
        await self._outbox.open()
        try:
            yield
        finally:
            await self._outbox.close()
