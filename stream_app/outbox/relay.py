"""The relay of a partition: it publishes every committed change to the change topic, in order and exactly once.

Postgres knows which changes there are to publish; the change topic knows which ones are published. The steps have the
same numbers in docs/mechanisms/outbox.md:

1. Check that the claim still holds (``Outbox.progress``).
2. Open a writer, which fences all former writers (``ChangeWriter.open``).
3. Find the last committed change in the topic (``topic_end.last_committed``); abort a hanging transaction.
4. Look up its position in the outbox (``Outbox.position_of``).
5. Collect the next changes, from memory or from the outbox (:meth:`Relay._next_changes`).
6. Publish them in one Kafka transaction (``ChangeWriter.write``).
7. Save the published position in Postgres (``Outbox.mark_published``, or with the next unit of work).

After any fault the relay starts again at step 1.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, TypeVar

import structlog

from data.contract import tolerant_reader
from data.contract.change_row import ChangeRow
from runtime.backoff import wait_seconds
from stream_app.core.apply import PartitionProgress
from stream_app.outbox.change_writer import ChangeWriter
from stream_app.outbox.topic_end import HangingTransactionError
from stream_app.storage.claim import FencedError
from stream_app.storage.outbox import Outbox

log = structlog.get_logger(__name__)

T = TypeVar("T")
LastEvent = Callable[[int], Awaitable[bytes | None]]
"""Returns the value of the last committed record of a partition of the change topic; None without one."""

_ROWS = 5_000
_QUEUED_ROWS = 50_000


class Relay:
    """Publishes a partition's changes as long as the claim that the relay was created for holds.

    Attributes
    ----------
    published
        The position of the last change that is known to be in the topic.

    Parameters
    ----------
    personas
        The names of segments by id.
    on_published
        Called with the partition and the new published position.
    """

    def __init__(
        self,
        database_url: str,
        claim: PartitionProgress,
        personas: Mapping[str, str],
        new_writer: Callable[[int], ChangeWriter],
        last_event: LastEvent,
        on_published: Callable[[int, int], None],
    ) -> None:
        self._claim = claim
        self._personas = personas
        self._new_writer = new_writer
        self._last_event = last_event
        self._on_published = on_published
        self._log = log.bind(partition=claim.partition)
        self._outbox = Outbox(database_url, claim.partition)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"relay-{claim.partition}")
        self._writer = new_writer(claim.partition)
        self._queue: deque[ChangeRow] = deque()
        self._last_position = claim.change_position
        self._more_to_publish = asyncio.Event()
        self._progressed = asyncio.Event()
        self.published = claim.published_position
        self._task = asyncio.create_task(self._run())

    def offer(self, rows: Sequence[ChangeRow]) -> None:
        """Queue changes that have just been committed.

        The queue holds consecutive positions. Rows that do not follow the queued ones, or that find the queue full, are
        read from the outbox later; so are all rows behind them until the queue is empty.
        """
        if rows:
            follows = not self._queue or rows[0].position == self._queue[-1].position + 1
            if follows and len(self._queue) < _QUEUED_ROWS:
                self._queue.extend(rows)
            self.publish_up_to(rows[-1].position)

    @property
    def stopped(self) -> bool:
        """Whether the relay has stopped because its claim no longer holds."""
        return self._task.done()

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
                await asyncio.sleep(wait_seconds(failures))

    async def _start_publishing(self) -> None:
        """Steps 1 to 4: fence other writers, and find the position from which to continue."""
        await self._in_thread(self._writer.discard)
        async with self._connected_outbox():
            # Step 1: without this check a zombie would fence its successor.
            await self._outbox.progress(self._claim)
            # Step 2.
            self._writer = self._new_writer(self._claim.partition)
            await self._in_thread(self._writer.open)
            before = self.published
            try:
                self.published = await self._find_published_position()
            except HangingTransactionError as error:
                # Opening the writer ended all transactions that its broker knows of. This one never ends by itself.
                await self._in_thread(self._writer.abort_hanging, error.key, error.value)
                raise
        self._progressed.set()
        write_log = self._log.error if self.published < before else self._log.info
        write_log("publishing", position=self.published, known=before)

    async def _find_published_position(self) -> int:
        # Step 3.
        event = await self._last_event(self._claim.partition)
        if event is None:
            return self.published
        # A newer worker may have published this event, with a cause that this version does not know.
        last = tolerant_reader.change(event)
        if last is None:
            raise ValueError("the change topic ends with an event of another type")
        # Step 4.
        position = await self._outbox.position_of(last)
        if position is None:
            self._log.warning("the change topic ends with a change that is not in Postgres", customer=last.customer_id)
            return self.published
        return position

    async def _next_changes(self) -> Sequence[ChangeRow]:
        """Step 5: the changes behind the published position."""
        while self.published >= self._last_position:
            self._more_to_publish.clear()
            await self._more_to_publish.wait()
        while self._queue and self._queue[0].position <= self.published:
            self._queue.popleft()
        if self._queue and self._queue[0].position == self.published + 1:
            return list(islice(self._queue, _ROWS))
        async with self._connected_outbox():
            return await self._outbox.unpublished_changes(self.published, _ROWS)

    async def _publish(self, rows: Sequence[ChangeRow]) -> None:
        """Step 6."""
        await self._in_thread(self._writer.write, rows, self._personas)
        self.published = rows[-1].position
        self._on_published(self._claim.partition, self.published)
        self._progressed.set()

    async def _in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        """Run a call of the Kafka client, which blocks, in a thread that runs one call after another."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    @asynccontextmanager
    async def _connected_outbox(self) -> AsyncIterator[None]:
        """Connect for a moment. The partition task's connection can't be used: it is in the middle of a transaction."""
        await self._outbox.open()
        try:
            yield
        finally:
            await self._outbox.close()
