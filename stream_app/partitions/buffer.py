"""Unit of work, step 1: the record buffer of a partition. Decoded records wait in batches that grow under load."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Self

from stream_app.core.bounds import ONE_DAY
from stream_app.core.control import ANYONE, ControlRules
from stream_app.core.decode import MicroBatch, decode
from stream_app.core.log_record import LogRecord
from stream_app.partition_status import Clock
from stream_app.partitions.worker_context import WorkerContext
from stream_app.stages import Stage

_LINGER_SECONDS = 0.05
# A partition that has caught up rests this many times as long as it has worked.
_REST = 2
# Limits the memory that large records take; most batches are far smaller.
_BATCH_BYTES = 32 * 1024 * 1024


class RecordBuffer:
    """Batches of at most ``batch_size`` records in the order of the log.

    ``next_offset`` is the offset of the record that the buffer expects next. ``decoded`` is called with the seconds in
    which a list of records was decoded. ``log_end`` returns the end offset of the log; None if it is not known.
    """

    def __init__(
        self,
        currency: str,
        batch_size: int,
        max_ahead: timedelta = ONE_DAY,
        control: ControlRules = ANYONE,
        clock: Clock = time.monotonic,
        decoded: Callable[[float], None] = lambda _: None,
        log_end: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._currency = currency
        self._batch_size = batch_size
        self._max_ahead = max_ahead
        self._control = control
        self._clock = clock
        self._decoded = decoded
        self._log_end = log_end
        self._control_number = 0
        self._batches: deque[MicroBatch] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._closed = False
        self._began = self._ended = -_LINGER_SECONDS
        self.next_offset = 0

    @classmethod
    def of(cls, context: WorkerContext, partition: int) -> Self:
        """The buffer of one partition of a worker."""
        config, metrics = context.config, context.metrics
        return cls(
            config.currency,
            config.batch_size,
            config.max_ahead,
            ControlRules(config.control_keys, config.topics.transactions, partition),
            context.clock,
            partial(metrics.worked, Stage.DECODE),
            lambda: metrics.log_end(partition).end,
        )

    def __bool__(self) -> bool:
        return bool(self._batches)

    def reset(self, offset: int, control_number: int = 0) -> None:
        """Drop all batches, and expect the record at an offset next, after the signed model with a number."""
        self._batches.clear()
        self.next_offset = offset
        self._control_number = control_number

    def request_records(self) -> None:
        """Let :meth:`has_room` return."""
        self._room.set()

    def close(self) -> None:
        """Let all waiting methods return."""
        self._closed = True
        self._room.set()
        self._arrived.set()

    def offer(self, records: Sequence[LogRecord]) -> int | None:
        """Add records; returns the first missing offset, and adds nothing, if records before them are missing."""
        if records[0].offset > self.next_offset:
            return self.next_offset
        fresh = [record for record in records if record.offset >= self.next_offset]
        if fresh:
            self.next_offset = fresh[-1].offset + 1
            self._batches.extend(self._decode(fresh))
            self._arrived.set()
            if self._records > 2 * self._batch_size or sum(b.size for b in self._batches) > 2 * _BATCH_BYTES:
                self._room.clear()
        return None

    def skip_to(self, offset: int) -> None:
        """Expect the record at an offset next; the log has no records before it."""
        self._batches.append(MicroBatch(self.next_offset, offset))
        self.next_offset = offset
        self._arrived.set()

    async def has_room(self) -> None:
        """Wait until the buffer has room for more records."""
        await self._room.wait()

    async def wait_for_records(self, seconds: float) -> bool:
        """Wait up to some seconds for records; returns whether there are any."""
        if not self._batches:
            await self._wait_for_arrival(seconds)
        return bool(self._batches)

    async def next_batch(self, most_offsets: int | None = None) -> MicroBatch:
        """The next batch, which stays the next one until :meth:`pop`; it may be limited to this many offsets.

        A batch that is not limited may grow for a moment (:attr:`_linger_until`).
        """
        while (
            not self._closed
            and most_offsets is None
            and self._records < self._batch_size
            and (left := self._linger_until - self._clock()) > 0
        ):
            await self._wait_for_arrival(left)
        self._began = self._clock()
        batch = self._merge_first()
        if most_offsets is not None and batch.records > most_offsets:
            first, others = batch.split_at(most_offsets)
            self._batches[0] = first
            self._batches.insert(1, others)
            return first
        return batch

    def pop(self) -> None:
        """Remove the next batch."""
        self._batches.popleft()
        self._ended = self._clock()
        self._room.set()

    def _decode(self, records: Sequence[LogRecord]) -> list[MicroBatch]:
        started = self._clock()
        batches = decode(records, self._currency, self._max_ahead, self._control, self._control_number)
        self._decoded(self._clock() - started)
        self._control_number = batches[-1].control_number
        return batches

    async def _wait_for_arrival(self, seconds: float) -> None:
        self._room.set()
        self._arrived.clear()
        if not self._closed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait(), seconds)

    @property
    def _records(self) -> int:
        return sum(batch.records for batch in self._batches)

    @property
    def _linger_until(self) -> float:
        """Until when the next batch may grow.

        While the log has more records, one Postgres transaction costs about as much as a thousand of them. When it has
        no more, a batch waits twice as long as the last one took: little on an idle machine, and longer on a busy one,
        where fewer batches help.
        """
        end = self._log_end()
        if end is None or end > self.next_offset:
            return self._began + _LINGER_SECONDS
        return self._ended + min(_REST * (self._ended - self._began), _LINGER_SECONDS)

    def _merge_first(self) -> MicroBatch:
        batch = self._batches[0]
        while (
            len(self._batches) > 1
            and not batch.is_complete
            and batch.records + self._batches[1].records <= self._batch_size
            and batch.size + self._batches[1].size <= _BATCH_BYTES
        ):
            batch.extend(self._batches[1])
            del self._batches[1]
        return batch
