"""The consumer of one worker, in place of Faust's: it fetches assigned partitions, and passes on what it gets."""

import asyncio
from dataclasses import dataclass

from faust.types import TP

from sim.kafka.broker import Broker
from sim.kafka.log import SimulatedRecord
from sim.world import World
from stream_app.partition_status import LogEnd

_WAIT_SECONDS = 0.5
_BUFFERED_LISTS = 64


@dataclass(slots=True)
class _Fetching:
    offset: int | None = None
    end: int | None = None
    polled_at: float | None = None


class Consumer:
    """Fetches committed records of the assigned partitions; lists of them wait in ``fetched``."""

    def __init__(self, world: World, broker: Broker, topic: str, most_records: int) -> None:
        self._world, self._broker, self._topic, self._most = world, broker, topic, most_records
        self._assigned: dict[TP, _Fetching] = {}
        self._changed = asyncio.Event()
        self.fetched: asyncio.Queue[tuple[TP, list[SimulatedRecord]]] = asyncio.Queue(_BUFFERED_LISTS)

    def assign(self, partitions: set[int]) -> set[TP]:
        """Fetch these partitions from now on, once they have an offset."""
        self._assigned = {TP(self._topic, partition): _Fetching() for partition in sorted(partitions)}
        return set(self._assigned)

    async def seek(self, partition: TP, offset: int) -> None:
        """Continue to fetch from an offset."""
        await self._world.step("seek")
        if partition in self._assigned:
            self._assigned[partition].offset = offset
            self._world.trace(f"seeks to {offset} of partition {partition.partition}")
            self._changed.set()

    def fetched_to(self, partition: TP) -> int | None:
        """The offset up to which a partition has been fetched."""
        fetching = self._assigned.get(partition)
        return None if fetching is None else fetching.offset

    def log_end(self, partition: int) -> LogEnd:
        """The end offset as the broker last reported it."""
        fetching = self._assigned.get(TP(self._topic, partition))
        if fetching is None or fetching.polled_at is None:
            return LogEnd(None, None)
        return LogEnd(fetching.end, self._world.now - fetching.polled_at)

    async def fetch_forever(self) -> None:
        """Fetch what is assigned."""
        world = self._world
        while True:
            self._changed.clear()
            found = await self._fetch()
            if not found:
                await self._wait()
            for partition, records in found:
                await self._pass_on(partition, records)
            await world.pause(0.001)

    async def _wait(self) -> None:
        waits = [
            asyncio.ensure_future(self._broker.wait_for_data(_WAIT_SECONDS)),
            asyncio.ensure_future(self._changed.wait()),
        ]
        await asyncio.wait(waits, timeout=_WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()

    async def _fetch(self) -> list[tuple[TP, list[SimulatedRecord]]]:
        world = self._world
        asked = {
            partition: fetching.offset for partition, fetching in self._assigned.items() if fetching.offset is not None
        }
        if not asked:
            return []
        await world.pause(world.latency())
        if self._broker.is_away or self._topic not in self._broker.topic_ids:
            return []
        found: list[tuple[TP, list[SimulatedRecord]]] = []
        for partition, offset in asked.items():
            fetching = self._assigned.get(partition)
            if fetching is None or fetching.offset != offset or offset is None:
                # Sought meanwhile: the answer is thrown away.
                continue
            log = self._broker.logs[self._topic, partition.partition]
            fetching.end, fetching.polled_at = log.end, world.now
            if not log.first_offset <= offset <= log.end:
                world.trace(f"fetches from {log.first_offset} of partition {partition.partition}: {offset} is gone")
                fetching.offset = log.first_offset
                continue
            records, fetching.offset = log.committed(offset, self._most)
            if records:
                found.append((partition, records))
        return found

    async def _pass_on(self, partition: TP, records: list[SimulatedRecord]) -> None:
        world = self._world
        fault = await world.step("fetch")
        kind = "" if fault is None else fault.kind
        if kind == "fetched records lost":
            world.reach("fetched records were lost")
            return
        if fault is not None and kind == "fetched out of order":
            world.loop.call_later(fault.seconds, self._put_late, partition, records)
            return
        if fault is not None and kind == "slow fetch":
            await world.pause(fault.seconds)
        await self.fetched.put((partition, records))
        if kind == "fetched twice":
            await self.fetched.put((partition, records))

    def _put_late(self, partition: TP, records: list[SimulatedRecord]) -> None:
        if not self.fetched.full():
            self.fetched.put_nowait((partition, records))
