"""Runs a schedule of deliveries: gives it a clock, random numbers and the network."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

import structlog

from services.webhooks.schedule import AcceptedAttempt, AttemptOutcome, Delivery, Finished, Policy, Schedule

log = structlog.get_logger(__name__)

Send = Callable[[Delivery, datetime], Awaitable[AttemptOutcome]]


class Dispatcher:
    """Runs each attempt in its own task, and calls ``finished`` for each delivery that is finished."""

    def __init__(self, policy: Policy, send: Send, finished: Callable[[Delivery, Finished], None]) -> None:
        self._schedule = Schedule(policy)
        self._send = send
        self._finished = finished
        self._changed = asyncio.Event()
        self._attempts: set[asyncio.Task[None]] = set()
        self._random = random.Random()  # noqa: S311 - jitter, not a secret

    @property
    def receiver_is_down(self) -> bool:
        """Whether the receiver is considered down."""
        return self._schedule.is_down

    def add(self, delivery: Delivery) -> None:
        """Add a change to deliver."""
        self._schedule.add(delivery, time.monotonic())
        self._changed.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self._step()

    async def run_until_finished(self) -> None:
        """Deliver until every delivery is finished."""
        while self._schedule:
            await self._step()

    async def finish(self) -> None:
        """Wait for running attempts, without starting others."""
        await asyncio.gather(*self._attempts)

    async def _step(self) -> None:
        """Start the attempts that are due, and wait until another one may start."""
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
        finished = self._schedule.finish(delivery, outcome, time.monotonic(), self._random.random())
        if was_down and not self._schedule.is_down:
            log.info("the receiver is back")
        elif self._schedule.is_down and not was_down and not isinstance(outcome, AcceptedAttempt):
            log.warning("the receiver seems to be down; retrying with pauses", reason=outcome.reason)
        if finished is not None:
            self._finished(delivery, finished)

    def _ended(self, attempt: asyncio.Task[None]) -> None:
        # A crashed attempt stays in the set: the next step raises its exception.
        if attempt.cancelled() or attempt.exception() is None:
            self._attempts.discard(attempt)
        self._changed.set()
