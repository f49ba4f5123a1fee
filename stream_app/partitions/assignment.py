"""The lanes of a worker: who holds which partition, and that each reads the log without a gap.

Faust and its client drop records that they have fetched in more than one way when partitions change hands. Offsets
tell: what comes too early is asked for again, and so is what has been fetched but never comes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

import structlog
from faust.types import TP

from stream_app.core.decode import LogRecord
from stream_app.partitions.lifecycle import PartitionTask, WorkerContext

log = structlog.get_logger(__name__)

_RELEASE_SECONDS = 3.0
_CLAIM_SECONDS = 5.0
_LOOK_SECONDS = 0.5


class Fetching(Protocol):
    """How the log is read."""

    async def seek(self, partition: TP, offset: int) -> None:
        """Read a partition from an offset on."""

    def fetched_to(self, partition: TP) -> int | None:
        """The offset up to which a partition has been read; None if nobody knows."""


class PartitionAssignment:
    """The partitions that this worker holds, each with a task of its own.

    Nothing is claimed between losing one assignment and getting the next: Faust may well ask for positions then.
    """

    def __init__(self, shared: WorkerContext, fetching: Fetching) -> None:
        self._shared = shared
        self._fetching = fetching
        self._lanes: dict[TP, tuple[PartitionTask, asyncio.Task[None]]] = {}
        self._assigned = False
        self._asked: dict[TP, tuple[int, int]] = {}

    def admit(self) -> None:
        """There is a new assignment: what it has may be claimed."""
        self._assigned = True

    async def assign(self, partitions: set[TP]) -> Mapping[TP, int]:
        """Claim partitions and seek; returns where to read from those that could be claimed in a moment.

        Others seek later: Faust must not be kept waiting while Postgres is away. It may ask again at any time, and may
        stop waiting for the answer.
        """
        if not self._assigned:
            return {}
        for partition in partitions - self._lanes.keys():
            lane = PartitionTask(self._shared, partition.partition, partial(self._fetching.seek, partition))
            self._lanes[partition] = (lane, asyncio.create_task(lane.run()))
        held = {partition: self._lanes[partition][0] for partition in partitions}
        claiming = [asyncio.create_task(lane.claimed.wait()) for lane in held.values()]
        if claiming:
            await asyncio.wait(claiming, timeout=_CLAIM_SECONDS)
        for claim in claiming:
            claim.cancel()
        positions = {partition: lane.position for partition, lane in held.items() if lane.claimed.is_set()}
        for partition, offset in positions.items():
            await self._fetching.seek(partition, offset)
        return positions

    async def offer(self, partition: TP, records: Sequence[LogRecord]) -> None:
        """Pass fetched records on, as soon as their lane has room."""
        held = self._lanes.get(partition)
        if held is None:
            return
        lane, _ = held
        await lane.has_room()
        missing = lane.offer(records)
        if missing is None:
            return
        gap = (missing, records[0].offset)
        asked_before = self._asked.get(partition) == gap
        if asked_before and await self._is_gap(partition, gap):
            if lane.skip(*gap):
                lane.offer(records)
            return
        self._asked[partition] = gap
        await self._read_again(partition, missing)

    async def watch(self) -> None:
        """Look for ever whether what has been fetched arrives; where it does not, ask for it more and more rarely.

        What never arrives may not be there: transactions leave marks in the log that are fetched and not delivered.
        Nobody would come behind the last ones to show that, and the partition would seem to be behind for ever.
        """
        waits: dict[TP, tuple[tuple[int, int], int]] = {}
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for partition, (lane, _) in list(self._lanes.items()):
                fetched = self._fetching.fetched_to(partition)
                if not lane.idle or fetched is None or fetched <= lane.position:
                    continue
                standing, looks = (lane.position, fetched), 0
                if partition in waits and waits[partition][0] == standing:
                    looks = waits[partition][1] + 1
                waits[partition] = (standing, looks)
                if not looks or looks & (looks - 1):
                    continue
                gap = await self._is_gap(partition, standing)
                if self._lanes.get(partition, (None,))[0] is not lane:
                    continue
                if gap:
                    lane.skip(*standing)
                else:
                    await self._read_again(partition, lane.position)

    async def release(self) -> None:
        """Stop every lane after the batch in hand; one that can't finish it is cut off, and its transaction with it."""
        self._assigned = False
        self._asked.clear()
        held, self._lanes = list(self._lanes.values()), {}
        for lane, _ in held:
            lane.stop()
        if held:
            _, late = await asyncio.wait([task for _, task in held], timeout=_RELEASE_SECONDS)
            for task in late:
                task.cancel()
        await asyncio.gather(*(lane.close() for lane, _ in held))

    async def _is_gap(self, partition: TP, gap: tuple[int, int]) -> bool:
        """Whether the log has nothing from one offset up to another one."""
        nothing = await asyncio.to_thread(self._shared.is_gap, partition.partition, *gap)
        if nothing:
            log.info("no records", partition=partition.partition, start=gap[0], stop=gap[1])
        return nothing

    async def _read_again(self, partition: TP, offset: int) -> None:
        log.warning("reading again", partition=partition.partition, offset=offset)
        await self._fetching.seek(partition, offset)
