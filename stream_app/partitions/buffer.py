"""A lane's inbox: records that were fetched are decoded at once, and wait in batches that grow under load."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence

from stream_app.core.decode import LogRecord, MicroBatch, decode

_LINGER_SECONDS = 0.05
# Few records are large; many that are must not fill the memory.
_BATCH_BYTES = 32 * 1024 * 1024


class RecordBuffer:
    """Batches of at most ``batch_size`` records, in the order of the log; ``position`` is the offset expected next."""

    def __init__(self, currency: str, batch_size: int) -> None:
        self._currency = currency
        self._batch_size = batch_size
        self._batches: deque[MicroBatch] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._closed = False
        self._last_begun = 0.0
        self.position = 0

    def __bool__(self) -> bool:
        return bool(self._batches)

    def begin(self, offset: int) -> None:
        """Forget what waits, and expect what comes at an offset."""
        self._batches.clear()
        self.position = offset

    def open(self) -> None:
        """Ask for more."""
        self._room.set()

    def close(self) -> None:
        """Let go whoever waits here."""
        self._closed = True
        self._room.set()
        self._arrived.set()

    def offer(self, records: Sequence[LogRecord]) -> int | None:
        """Take in records; refuses them, and returns the first one missing, if some before them are."""
        if records[0].offset > self.position:
            return self.position
        fresh = [record for record in records if record.offset >= self.position]
        if fresh:
            self.position = fresh[-1].offset + 1
            self._batches.extend(decode(fresh, self._currency))
            self._arrived.set()
            if self._records > 2 * self._batch_size or sum(b.size for b in self._batches) > 2 * _BATCH_BYTES:
                self._room.clear()
        return None

    def skip(self, offset: int) -> None:
        """Expect what comes at an offset next, since there is nothing before it."""
        self._batches.append(MicroBatch(self.position, offset))
        self.position = offset
        self._arrived.set()

    async def has_room(self) -> None:
        """Wait until it makes sense to offer more."""
        await self._room.wait()

    async def filled(self, seconds: float) -> bool:
        """Wait until there is something; False if nothing comes for so long."""
        if not self._batches:
            await self._arrival(seconds)
        return bool(self._batches)

    async def next(self) -> MicroBatch:
        """The next batch, which stays the next one until it is :meth:`done`.

        Under load it grows for a moment: a transaction costs about as much as a thousand records.
        """
        while (
            not self._closed
            and self._records < self._batch_size
            and (rest := self._last_begun + _LINGER_SECONDS - time.monotonic()) > 0
        ):
            await self._arrival(rest)
        self._last_begun = time.monotonic()
        return self._merged()

    def done(self) -> None:
        """The next batch has been applied."""
        self._batches.popleft()
        self._room.set()

    async def _arrival(self, seconds: float) -> None:
        self._room.set()
        self._arrived.clear()
        if not self._closed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), seconds)

    @property
    def _records(self) -> int:
        return sum(batch.records for batch in self._batches)

    def _merged(self) -> MicroBatch:
        batch = self._batches[0]
        while (
            len(self._batches) > 1
            and batch.model is None
            and batch.records + self._batches[1].records <= self._batch_size
            and batch.size + self._batches[1].size <= _BATCH_BYTES
        ):
            batch.extend(self._batches[1])
            del self._batches[1]
        return batch
