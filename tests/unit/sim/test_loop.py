"""The simulated loop: virtual time, processes that die and freeze, and blocking calls without threads."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from contextvars import copy_context
from typing import Any

import pytest

from sim.loop import IdleError, OneCall, SimulatedLoop
from sim.process import PROCESS, Process


@pytest.fixture
def loop() -> Iterator[SimulatedLoop]:
    made = SimulatedLoop(random.Random(1))
    yield made
    made.dispose()


def begin(loop: SimulatedLoop, process: Process, work: Coroutine[Any, Any, None]) -> None:
    """Run something in a process."""
    context = copy_context()
    context.run(PROCESS.set, process)
    loop.create_task(work, context=context)


def test_time_jumps_to_the_next_timer(loop: SimulatedLoop) -> None:
    async def sleep() -> list[float]:
        times = []
        for seconds in (0.5, 86_400.0):
            await asyncio.sleep(seconds)
            times.append(loop.time())
        return times

    assert loop.run_until_complete(sleep()) == [0.5, 86_400.5]


def test_a_loop_in_which_everything_waits_forever_ends_with_an_error(loop: SimulatedLoop) -> None:
    with pytest.raises(IdleError):
        loop.run_until_complete(asyncio.Event().wait())


def test_nothing_of_a_dead_process_runs_any_more(loop: SimulatedLoop) -> None:
    happened: list[str] = []

    async def work() -> None:
        try:
            while True:
                happened.append("works")
                await asyncio.sleep(1.0)
        finally:
            happened.append("cleans up")

    process = Process("A")
    begin(loop, process, work())

    async def world() -> None:
        await asyncio.sleep(1.5)
        process.alive = False
        await asyncio.sleep(10.0)

    loop.run_until_complete(world())
    assert happened == ["works", "works"]


def test_a_frozen_process_goes_on_later_with_what_was_due(loop: SimulatedLoop) -> None:
    times: list[float] = []

    async def work() -> None:
        for _ in range(3):
            await asyncio.sleep(1.0)
            times.append(loop.time())

    process = Process("A")
    begin(loop, process, work())

    async def world() -> None:
        await asyncio.sleep(1.5)
        process.frozen = True
        await asyncio.sleep(4.0)
        loop.thaw(process)
        await asyncio.sleep(4.0)

    loop.run_until_complete(world())
    assert times == [1.0, 5.5, 6.5]


def test_a_blocking_call_suspends_like_an_await(loop: SimulatedLoop) -> None:
    def blocks() -> str:
        loop.block(2.0)
        return "done"

    async def both() -> list[object]:
        return [*await asyncio.gather(asyncio.to_thread(blocks), asyncio.to_thread(blocks)), loop.time()]

    assert loop.run_until_complete(both()) == ["done", "done", 2.0]


def test_calls_of_one_executor_run_one_after_another(loop: SimulatedLoop) -> None:
    def blocks() -> float:
        loop.block(2.0)
        return loop.time()

    async def both() -> list[float]:
        executor = OneCall(loop)
        return [*await asyncio.gather(*(loop.run_in_executor(executor, blocks) for _ in range(3)))]

    assert loop.run_until_complete(both()) == [2.0, 4.0, 6.0]


def test_an_error_in_a_blocking_call_reaches_who_waits_for_it(loop: SimulatedLoop) -> None:
    def fails() -> None:
        loop.block(1.0)
        raise LookupError("not there")

    with pytest.raises(LookupError, match="not there"):
        loop.run_until_complete(asyncio.wait_for(asyncio.to_thread(fails), 5.0))


def test_a_blocking_call_of_a_dead_process_never_returns(loop: SimulatedLoop) -> None:
    happened: list[str] = []
    process = Process("A")

    def blocks() -> None:
        loop.block(2.0)
        happened.append("returned")

    async def work() -> None:
        await asyncio.to_thread(blocks)

    begin(loop, process, work())

    async def world() -> None:
        await asyncio.sleep(1.0)
        process.alive = False
        await asyncio.sleep(5.0)

    loop.run_until_complete(world())
    assert happened == []


def interleaving(seed: int) -> list[str]:
    """The order in which three processes run that are always ready at the same moment."""
    loop, order = SimulatedLoop(random.Random(seed)), list[str]()

    async def work(name: str) -> None:
        for _ in range(4):
            await asyncio.sleep(1.0)
            order.append(name)

    for name in "ABC":
        begin(loop, Process(name), work(name))
    loop.run_until_complete(asyncio.sleep(10.0))
    loop.dispose()
    return order


def test_the_seed_decides_which_process_runs_first() -> None:
    orders = {"".join(interleaving(seed)) for seed in range(20)}
    assert len(orders) > 5
    assert interleaving(3) == interleaving(3)


def test_within_a_process_handles_run_in_the_order_of_asyncio(loop: SimulatedLoop) -> None:
    order: list[int] = []
    append: Callable[[int], None] = order.append

    async def work() -> None:
        for number in range(50):
            loop.call_soon(append, number)
        await asyncio.sleep(0.1)

    begin(loop, Process("A"), work())
    loop.run_until_complete(asyncio.sleep(1.0))
    assert order == list(range(50))
