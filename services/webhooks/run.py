"""A webhook at work: from the change topic to the receiver, and how far it has come to Postgres.

At least once, in order per customer: a change counts as done when it has arrived, was given up or was not chosen, and
that has been saved. What has been read and is not done is bounded, and so is what a crash repeats: what has arrived
since progress was last saved.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from data.contract import tolerant_reader
from data.postgres.webhooks import Claim, UndeliveredChange, save
from services.filters import Filter
from services.webhooks.dispatch import Dispatcher, Send
from services.webhooks.positions import Position
from services.webhooks.reader import Reader, Record
from services.webhooks.schedule import Delivery, Policy, Settled

log = structlog.get_logger(__name__)

#: Changes that have been read and are not done, at most.
WINDOW = 1_000
_READ_SECONDS = 0.2
_SAVE_SECONDS = 0.5

T = TypeVar("T")


class Webhook:
    """One webhook, from a claim on. It counts what it has ``delivered`` and ``given_up``."""

    def __init__(self, postgres: Engine, claim: Claim, chosen: Filter | None, policy: Policy, send: Send) -> None:
        self._postgres = postgres
        self._claim = claim
        self._chosen = chosen
        self._positions = {partition: Position(reached) for partition, reached in claim.offsets.items()}
        self._saved = dict(claim.offsets)
        self._dispatcher = Dispatcher(policy, send, self._settle)
        self._dead: list[UndeliveredChange] = []
        self._not_done = 0
        self._unsaved = 0
        self._room = asyncio.Event()
        self._saver = ThreadPoolExecutor(1)
        self._trouble = False
        self.delivered = 0
        self.given_up = 0

    @property
    def read_from(self) -> dict[int, int]:
        """Where reading begins, by partition."""
        return {partition: position.read_from for partition, position in self._positions.items()}

    @property
    def waiting(self) -> int:
        """Chosen changes that have been read and neither arrived nor been given up."""
        return self._not_done - self._unsaved

    @property
    def receiver_is_down(self) -> bool:
        """Whether the receiver is taken to be down."""
        return self._dispatcher.receiver_is_down

    @property
    def in_trouble(self) -> bool:
        """Whether progress can't be saved."""
        return self._trouble

    async def run(self, reader: Reader) -> None:
        """Deliver until SIGINT or SIGTERM; what is under way then is waited for, and saved. Closes the reader.

        Raises
        ------
        TakenOverError
            If another process delivers for this webhook.
        LogError
            If the topic is not the one that it was.
        """
        stop = asyncio.Event()
        with ThreadPoolExecutor(1) as thread, _signals(stop.set):
            try:
                await _first_of(stop.wait(), self._read(reader, thread), self._dispatcher.run(), self._keep_saving())
                log.info("stopping", waiting=self.waiting)
                await self._dispatcher.finish()
                await self._save()
            finally:
                thread.submit(reader.close)

    async def _read(self, reader: Reader, thread: ThreadPoolExecutor) -> None:
        while True:
            while self._not_done >= WINDOW:
                self._room.clear()
                await self._room.wait()
            for record in await _in(thread, reader.read, WINDOW - self._not_done, _READ_SECONDS):
                self._take(record)

    def _take(self, record: Record) -> None:
        try:
            change = tolerant_reader.change(record.event)
        except msgspec.MsgspecError as error:
            log.warning(
                "not a change; passed over", partition=record.partition, offset=record.offset, reason=str(error)
            )
            change = None
        position = self._positions[record.partition]
        lost = position.lost
        chosen = change is not None and (self._chosen is None or self._chosen(change))
        if position.take(record.offset, chosen) and change is not None:
            self._not_done += 1
            self._dispatcher.add(Delivery(*record[:2], change.customer_id, change.sequence, record.event))
        if position.lost > lost:
            log.error("changes that waited are gone", partition=record.partition, count=position.lost - lost)

    def _settle(self, delivery: Delivery, settled: Settled) -> None:
        self._positions[delivery.partition].settle(delivery.offset)
        self._unsaved += 1
        if settled.dead is None:
            self.delivered += 1
            return
        self.given_up += 1
        who = delivery.customer_id, delivery.sequence
        self._dead.append(UndeliveredChange(*who, delivery.event, settled.dead, settled.attempts))
        log.warning("given up", change="{}:{}".format(*who), reason=settled.dead, attempts=settled.attempts)

    async def _keep_saving(self) -> None:
        while True:
            await asyncio.sleep(_SAVE_SECONDS)
            try:
                await self._save()
            except (OperationalError, InterfaceError) as error:
                # Deliveries go on; what can't be saved takes up room until there is none.
                if not self._trouble:
                    log.warning("can't save; trying on", reason=str(error.orig).strip().splitlines()[0])
                self._trouble = True
            else:
                self._trouble = False

    async def _save(self) -> None:
        reached = {number: at.reached for number, at in self._positions.items() if at.reached != self._saved[number]}
        dead, unsaved = list(self._dead), self._unsaved
        if reached or dead:
            await _in(self._saver, save, self._postgres, self._claim, reached, dead)
            self._saved |= reached
            del self._dead[: len(dead)]
            self._unsaved -= unsaved
            self._not_done -= unsaved
            self._room.set()


async def _in(thread: ThreadPoolExecutor, function: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, function, *arguments)


async def _first_of(*work: Coroutine[Any, Any, object]) -> None:
    """Do several things until one ends or fails, and end the others."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        task.result()


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """Be stopped by the first SIGINT or SIGTERM; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def first() -> None:
        for number in signals:
            loop.remove_signal_handler(number)
        stop()

    for number in signals:
        loop.add_signal_handler(number, first)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
