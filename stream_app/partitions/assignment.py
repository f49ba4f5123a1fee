"""The partitions of a worker: one task for each, and the certainty that each reads the log without a gap.

Faust and its Kafka client can drop fetched records when partitions are reassigned. Offsets reveal that. When a record
arrives before its predecessors, or fetched records never arrive, the log is read again from the missing offset.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

import structlog
from faust.types import TP

from data.kafka.log import LogError
from stream_app.core.log_record import LogRecord
from stream_app.partitions.partition_task import PartitionTask
from stream_app.partitions.worker_context import WorkerContext

log = structlog.get_logger(__name__)

# A micro-batch takes far less; the other members of the consumer group wait for this worker meanwhile.
_RELEASE_SECONDS = 3.0
# A claim takes milliseconds while Postgres is there; Faust stands still meanwhile.
_CLAIM_SECONDS = 5.0
_POLL_SECONDS = 0.5
# A fetcher that is behind is suspicious, but it is for a moment after every seek, too. The regular check is for faults
# that the fetcher does not show.
_SUSPICION_SECONDS = 2.0
_LOG_CHECK_SECONDS = 20.0

Gap = tuple[int, int]
"""The first missing offset, and the next offset that is not missing."""


class LogFetcher(Protocol):
    """The part of a Kafka consumer that partition tasks need."""

    async def seek(self, partition: TP, offset: int) -> None:
        """Continue to read a partition from an offset."""

    def fetched_to(self, partition: TP) -> int | None:
        """The offset up to which a partition has been fetched; None if it is not known."""


class PartitionAssignment:
    """The partitions that are assigned to this worker, each with its partition task.

    After partitions are revoked nothing is claimed until the next assignment: Faust may ask for offsets in between.
    """

    def __init__(self, context: WorkerContext, fetcher: LogFetcher) -> None:
        self._context = context
        self._fetcher = fetcher
        self._running: dict[TP, tuple[PartitionTask, asyncio.Task[None]]] = {}
        self._may_claim = False
        self._refetched: dict[TP, Gap] = {}

    def begin(self) -> None:
        """A new assignment has begun: its partitions may be claimed."""
        self._may_claim = True

    async def claim(self, partitions: set[TP]) -> Mapping[TP, int]:
        """Claim partitions and seek; returns the next offsets of those that could be claimed within seconds.

        The other partition tasks seek when they have claimed: Faust must not wait while Postgres is unavailable. Faust
        may call this at any time, and may cancel it.
        """
        if not self._may_claim:
            return {}
        for partition in sorted(partitions - self._running.keys()):
            task = PartitionTask(self._context, partition.partition, partial(self._fetcher.seek, partition))
            self._running[partition] = (task, asyncio.create_task(task.run()))
        tasks = {partition: self._running[partition][0] for partition in sorted(partitions)}
        waiting = [asyncio.create_task(task.claimed.wait()) for task in tasks.values()]
        if waiting:
            await asyncio.wait(waiting, timeout=_CLAIM_SECONDS)
        for waiter in waiting:
            waiter.cancel()
        offsets = {partition: task.next_offset for partition, task in tasks.items() if task.claimed.is_set()}
        for partition, offset in offsets.items():
            await self._fetcher.seek(partition, offset)
        return offsets

    async def offer(self, partition: TP, records: Sequence[LogRecord]) -> None:
        """Pass fetched records to their partition task, as soon as it has room."""
        running = self._running.get(partition)
        if running is None:
            return
        task, _ = running
        await task.has_room()
        missing = task.offer(records)
        if missing is None:
            return
        gap = (missing, records[0].offset)
        refetched_before = self._refetched.get(partition) == gap
        if refetched_before and await self._is_gap(partition, gap):
            if await self._may_be_deleted(partition, missing):
                task.request_log_check(seek=True)
            elif task.skip(*gap):
                task.offer(records)
            return
        self._refetched[partition] = gap
        await self._refetch(partition, missing)

    async def watch(self) -> None:
        """Check forever whether fetched records arrive; refetch those that do not, at growing intervals.

        Offsets that never arrive may hold no records: transaction markers are fetched and never delivered. After the
        last markers of the log no record would reveal that, and the partition would seem to lag forever.
        """
        looks: dict[TP, tuple[Gap, int]] = {}
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            for partition, (task, _) in list(self._running.items()):
                fetched_to = self._fetcher.fetched_to(partition)
                if not task.idle or fetched_to is None or fetched_to <= task.next_offset:
                    continue
                missing, count = (task.next_offset, fetched_to), 0
                if partition in looks and looks[partition][0] == missing:
                    count = looks[partition][1] + 1
                looks[partition] = (missing, count)
                is_power_of_two = count > 0 and count & (count - 1) == 0
                if is_power_of_two:
                    await self._fill_gap(partition, task, missing)

    async def watch_log(self) -> None:
        """Have every partition task compare its progress with the log, forever.

        A fetcher that is behind the next offset, or has seen an end before it, reads a log that has become shorter.
        """
        checked: dict[TP, float] = {}
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            now = self._context.clock()
            for partition, (task, _) in list(self._running.items()):
                age = now - checked.setdefault(partition, now)
                behind = age > _SUSPICION_SECONDS and self._is_behind(partition, task)
                if behind or age > _LOG_CHECK_SECONDS:
                    checked[partition] = now
                    task.request_log_check(seek=behind)

    async def release(self) -> None:
        """Stop every partition task after its current micro-batch, or cancel it after some seconds.

        Postgres rolls the transaction of a cancelled task back.
        """
        self._may_claim = False
        self._refetched.clear()
        running, self._running = list(self._running.values()), {}
        for task, _ in running:
            task.stop()
        if running:
            _, late = await asyncio.wait([runner for _, runner in running], timeout=_RELEASE_SECONDS)
            for runner in late:
                runner.cancel()
        await asyncio.gather(*(task.close() for task, _ in running))

    async def _fill_gap(self, partition: TP, task: PartitionTask, missing: Gap) -> None:
        is_gap = await self._is_gap(partition, missing)
        if self._running.get(partition, (None,))[0] is not task:
            return
        if is_gap and await self._may_be_deleted(partition, missing[0]):
            task.request_log_check(seek=True)
        elif is_gap:
            task.skip(*missing)
        else:
            await self._refetch(partition, task.next_offset)

    def _is_behind(self, partition: TP, task: PartitionTask) -> bool:
        if not task.idle:
            return False
        known = (self._fetcher.fetched_to(partition), self._context.metrics.log_end(partition.partition).end)
        return any(offset is not None and offset < task.next_offset for offset in known)

    async def _may_be_deleted(self, partition: TP, offset: int) -> bool:
        """Whether the log had a record at an offset that was deleted; True if no broker answers.

        Then the log is checked before anything is skipped.
        """
        try:
            seen = await asyncio.to_thread(self._context.read_log, partition.partition, None)
        except LogError:
            return True
        return seen.first_offset > offset

    async def _is_gap(self, partition: TP, gap: Gap) -> bool:
        """Whether the log has no records in a gap."""
        is_gap = await asyncio.to_thread(self._context.is_gap, partition.partition, *gap)
        if is_gap:
            log.info("no records", partition=partition.partition, start=gap[0], stop=gap[1])
        return is_gap

    async def _refetch(self, partition: TP, offset: int) -> None:
        log.warning("reading again", partition=partition.partition, offset=offset)
        await self._fetcher.seek(partition, offset)
