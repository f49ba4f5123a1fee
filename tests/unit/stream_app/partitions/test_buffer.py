"""How long the next micro-batch may grow before it is applied, in virtual time."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from sim.loop import SimulatedLoop
from stream_app.partitions.buffer import RecordBuffer
from tests.support.builders import tick
from tests.support.in_memory_worker import logs

LOG = logs([tick(days) for days in range(100)], 1)[0]
BATCH_SIZE = 10


class Reader:
    """A buffer of a log that has the records up to ``end``, and what applies its batches."""

    def __init__(self, loop: SimulatedLoop, end: int | None) -> None:
        self.end = end
        self.buffer = RecordBuffer("GBP", BATCH_SIZE, clock=loop.time, log_end=lambda: self.end)

    def fetch(self, count: int) -> None:
        """Some more records are fetched."""
        first = self.buffer.next_offset
        self.buffer.offer(LOG[first : first + count])

    async def apply(self, seconds: float) -> None:
        """Apply the next batch, which takes some seconds once it has been taken."""
        await self.buffer.next_batch()
        await asyncio.sleep(seconds)
        self.buffer.pop()


def waited(end: int | None, took: float, fetched: int, later: Callable[[Reader], Awaitable[None]]) -> tuple[float, int]:
    """The seconds until the second batch was taken, and how many records it had.

    The first batch took ``took`` seconds. ``fetched`` records came with its end; ``later`` runs meanwhile.
    """
    loop = SimulatedLoop(random.Random(1))

    async def work() -> tuple[float, int]:
        reader = Reader(loop, end)
        reader.fetch(1)
        await reader.apply(took)
        reader.fetch(fetched)
        began, other = loop.time(), asyncio.ensure_future(later(reader))
        batch = await reader.buffer.next_batch()
        seconds = loop.time() - began
        await other
        return seconds, batch.records

    try:
        return loop.run_until_complete(work())
    finally:
        loop.dispose()


async def nothing(_: Reader) -> None:
    """Nothing else happens."""


async def one_more(reader: Reader) -> None:
    """A moment later, one more record is fetched."""
    await asyncio.sleep(0.001)
    reader.fetch(1)


async def a_full_batch(reader: Reader) -> None:
    """A moment later, the rest of a full batch is fetched."""
    await asyncio.sleep(0.001)
    reader.fetch(BATCH_SIZE)


@pytest.mark.parametrize("took", [0.0, 0.004, 0.02])
def test_a_batch_waits_twice_as_long_as_the_last_one_took_when_the_log_has_no_more(took: float) -> None:
    seconds, records = waited(2, took, 1, nothing)
    assert seconds == pytest.approx(2 * took)
    assert records == 1


def test_a_batch_after_a_long_one_waits_a_moment_only() -> None:
    seconds, _ = waited(2, 7.0, 1, nothing)
    assert seconds == pytest.approx(0.05)


def test_what_comes_meanwhile_is_in_the_same_batch() -> None:
    assert waited(3, 0.004, 1, one_more)[1] == 2


@pytest.mark.parametrize("end", [50, None])
def test_while_the_log_may_have_more_a_batch_waits_until_a_moment_after_the_last_one_began(end: int | None) -> None:
    assert waited(end, 0.02, 1, nothing)[0] == pytest.approx(0.03)
    assert waited(end, 0.2, 1, nothing)[0] == 0


def test_a_full_batch_does_not_wait() -> None:
    assert waited(50, 0.02, BATCH_SIZE, nothing) == (0, BATCH_SIZE)
    seconds, records = waited(50, 0.02, 1, a_full_batch)
    assert seconds == pytest.approx(0.001)
    assert records == 1


def test_a_batch_that_is_searched_for_a_culprit_does_not_wait() -> None:
    loop = SimulatedLoop(random.Random(1))

    async def work() -> int:
        reader = Reader(loop, 50)
        reader.fetch(1)
        await reader.apply(0.02)
        reader.fetch(4)
        began = loop.time()
        batch = await reader.buffer.next_batch(2)
        assert loop.time() == began
        return batch.records

    try:
        assert loop.run_until_complete(work()) == 2
    finally:
        loop.dispose()
