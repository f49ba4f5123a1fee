"""A partition's relay: what Postgres says has changed reaches the change topic, in order and exactly once.

The outbox in Postgres is the truth about what there is to publish, the change topic about what has been. The relay
opens a writer, which shuts out every other one, looks where the topic ends, and goes on from there; whatever goes
wrong, it starts over. Usually it is handed what it publishes; what it was not handed it reads from the outbox.
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
from stream_app.outbox.topic_end import UndecidedError
from stream_app.storage.unit_of_work import FencedError, PartitionStore

log = structlog.get_logger(__name__)

T = TypeVar("T")
#: The last change in a partition of the change topic, as it was published; None if there is none.
LastEvent = Callable[[int], Awaitable[bytes | None]]

_ROWS = 5_000
_QUEUED_ROWS = 50_000


class Relay:
    """Publishes a partition's changes for as long as the claim that it was made for holds.

    ``published`` is the position of the last change that is in the topic; ``personas`` names segments by id;
    ``last_event`` looks where the topic ends.
    """

    def __init__(
        self,
        database_url: str,
        claim: PartitionProgress,
        personas: Mapping[str, str],
        open_writer: Callable[[int], ChangeWriter],
        last_event: LastEvent,
        on_published: Callable[[int, int], None],
    ) -> None:
        self._claim = claim
        self._personas = personas
        self._new_writer = open_writer
        self._last_event = last_event
        self._on_published = on_published
        self._log = log.bind(partition=claim.partition)
        self._store = PartitionStore(database_url, claim.partition)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"relay-{claim.partition}")
        self._writer = open_writer(claim.partition)
        self._queue: deque[ChangeRow] = deque()
        self._end = claim.change_position
        self._arrived = asyncio.Event()
        self._moved = asyncio.Event()
        self.published = claim.published_position
        self._task = asyncio.create_task(self._run())

    def offer(self, rows: Sequence[ChangeRow]) -> None:
        """Hand over changes that have just been committed.

        What is queued has no holes: what does not follow, or finds no room, is left to the outbox, and so is all that
        comes behind it as long as anything is queued.
        """
        if rows:
            follows = not self._queue or rows[0].position == self._queue[-1].position + 1
            if follows and len(self._queue) < _QUEUED_ROWS:
                self._queue.extend(rows)
            self.reach(rows[-1].position)

    @property
    def ended(self) -> bool:
        """Whether it has given up, since the claim does not hold any more."""
        return self._task.done()

    def reach(self, position: int) -> None:
        """Publish everything up to a position, whether it was handed over or not."""
        self._end = max(self._end, position)
        self._arrived.set()

    async def delivered(self) -> None:
        """Wait until everything offered so far is in the topic; for ever, if the claim does not hold any more."""
        end = self._end
        while self.published < end:
            self._moved.clear()
            await self._moved.wait()

    async def close(self) -> None:
        """Stop, wherever it stands.

        A call that waits for a broker that is away is left behind: whoever opens the next writer shuts its writer out.
        """
        self._task.cancel()
        self._writer.close()
        await asyncio.wait([self._task])
        self._thread.submit(self._writer.discard)
        self._thread.shutdown(wait=False)
        await self._store.close()

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._take_up()
                failures = 0
                while True:
                    await self._publish(await self._next())
            except FencedError as error:
                self._log.warning("publishing is for somebody else now", reason=str(error))
                return
            except Exception as error:
                self._log.warning("will publish later", error=repr(error))
                failures += 1
                await asyncio.sleep(wait_seconds(failures))

    async def _take_up(self) -> None:
        """Make sure that nobody else publishes, and find out what has been."""
        await self._in_thread(self._writer.discard)
        async with self._reading():
            # Whoever has lost the partition must not shut out the one who has it now.
            await self._store.progress(self._claim)
            self._writer = self._new_writer(self._claim.partition)
            await self._in_thread(self._writer.open)
            try:
                known, self.published = self.published, await self._published()
            except UndecidedError as error:
                # Nothing of ours is under way after the opening: this will not end by itself.
                await self._in_thread(self._writer.settle, error.key, error.value)
                raise
        self._moved.set()
        tell = self._log.error if self.published < known else self._log.info
        tell("publishing", position=self.published, known=known)

    async def _published(self) -> int:
        event = await self._last_event(self._claim.partition)
        if event is None:
            return self.published
        # A newer worker may have been here before, with a cause that came later.
        last = tolerant_reader.change(event)
        if last is None:
            raise ValueError("the change topic ends with an event of another type")
        position = await self._store.position(last)
        if position is None:
            self._log.warning("the change topic ends with a change that is not in Postgres", customer=last.customer_id)
            return self.published
        return position

    async def _next(self) -> Sequence[ChangeRow]:
        while self.published >= self._end:
            self._arrived.clear()
            await self._arrived.wait()
        while self._queue and self._queue[0].position <= self.published:
            self._queue.popleft()
        if self._queue and self._queue[0].position == self.published + 1:
            return list(islice(self._queue, _ROWS))
        async with self._reading():
            return await self._store.unpublished_changes(self.published, _ROWS)

    async def _publish(self, rows: Sequence[ChangeRow]) -> None:
        await self._in_thread(self._writer.write, rows, self._personas)
        self.published = rows[-1].position
        self._on_published(self._claim.partition, self.published)
        self._moved.set()

    async def _in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        """Kafka's calls block; they have a thread of their own, in which one comes after the other."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        """A connection of its own for a moment: the lane is in the middle of a transaction on its one."""
        await self._store.open()
        try:
            yield
        finally:
            await self._store.close()
