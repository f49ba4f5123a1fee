"""Sending what a schedule lets go: the thin shell that gives it a clock, chance and the network."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

import structlog

from services.webhooks.schedule import Accepted, Delivery, Outcome, Policy, Schedule, Settled

log = structlog.get_logger(__name__)

Send = Callable[[Delivery, datetime], Awaitable[Outcome]]


class Dispatcher:
    """Deliveries under way, each attempt in a task of its own. ``settled`` is told of those that need nothing more."""

    def __init__(self, policy: Policy, send: Send, settled: Callable[[Delivery, Settled], None]) -> None:
        self._schedule = Schedule(policy)
        self._send = send
        self._settled = settled
        self._changed = asyncio.Event()
        self._attempts: set[asyncio.Task[None]] = set()
        self._chance = random.Random()  # noqa: S311 - only to spread attempts

    @property
    def receiver_is_down(self) -> bool:
        """Whether the receiver is taken to be down."""
        return self._schedule.is_down

    def add(self, delivery: Delivery) -> None:
        """Have a change delivered."""
        self._schedule.add(delivery, time.monotonic())
        self._changed.set()

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            await self._step()

    async def run_dry(self) -> None:
        """Deliver until everything is settled."""
        while self._schedule:
            await self._step()

    async def finish(self) -> None:
        """Wait for the attempts under way, and start no others."""
        await asyncio.gather(*self._attempts)

    async def _step(self) -> None:
        """Start what may start, and wait until something may have changed."""
        self._changed.clear()
        for delivery in self._schedule.start(time.monotonic()):
            attempt = asyncio.create_task(self._attempt(delivery))
            self._attempts.add(attempt)
            attempt.add_done_callback(self._ended)
        at = self._schedule.next_start()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if at is None else max(at - time.monotonic(), 0)):
                await self._changed.wait()
        for attempt in [attempt for attempt in self._attempts if attempt.done()]:
            self._attempts.discard(attempt)
            attempt.result()

    async def _attempt(self, delivery: Delivery) -> None:
        outcome = await self._send(delivery, datetime.now(UTC))
        was_down = self._schedule.is_down
        settled = self._schedule.finish(delivery, outcome, time.monotonic(), self._chance.random())
        if was_down and not self._schedule.is_down:
            log.info("the receiver is back")
        elif self._schedule.is_down and not was_down and not isinstance(outcome, Accepted):
            log.warning("the receiver seems to be down, and is tried now and then", reason=outcome.reason)
        if settled is not None:
            self._settled(delivery, settled)

    def _ended(self, attempt: asyncio.Task[None]) -> None:
        # One that has crashed stays for the next step, which raises what it raised.
        if attempt.cancelled() or attempt.exception() is None:
            self._attempts.discard(attempt)
        self._changed.set()
