"""A running webhook: reads the topic of its changes, sends to the receiver, and saves its progress in Postgres.

Delivery is at least once, in order for each customer. A change is done when it was delivered, was abandoned or did not
match, and that has been saved. The number of changes that are read and not done is bounded. A crash repeats only the
deliveries since progress was last saved.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from data.postgres.webhooks import AbandonedChange, Claim, save
from runtime.errors import first_line
from services.webhooks.dispatch import Dispatcher, Send
from services.webhooks.held_out import HeldOut
from services.webhooks.kinds import AnyChange, Kind
from services.webhooks.partition_progress import WebhookPartitionProgress
from services.webhooks.reader import ChangeReader, ChangeRecord
from services.webhooks.schedule import Delivery, Finished, Policy

log = structlog.get_logger(__name__)

#: Maximum number of changes that are read and not done.
WINDOW = 1_000
_POLL_SECONDS = 0.2
_SAVE_SECONDS = 0.5

T = TypeVar("T")
#: Whether a change is to be delivered; it gets changes of the webhook's kind only.
Matches = Callable[[Any], bool]


class Webhook:
    """One claimed webhook. It counts changes that it has ``delivered`` and ``abandoned``.

    Parameters
    ----------
    kind
        Which changes it delivers: those of the claim and of the filter.
    held_out
        What says whose changes are left out, because they are held out of a campaign; None leaves out no change.
    """

    def __init__(
        self,
        postgres: Engine,
        claim: Claim,
        kind: Kind,
        matches: Matches | None,
        policy: Policy,
        send: Send,
        held_out: HeldOut | None = None,
    ) -> None:
        self._kind = kind
        self._held_out = held_out
        self._postgres = postgres
        self._claim = claim
        self._matches = matches
        self._progress = {partition: WebhookPartitionProgress(saved) for partition, saved in claim.offsets.items()}
        self._saved = dict(claim.offsets)
        self._dispatcher = Dispatcher(policy, send, self._finish)
        self._unsaved_abandoned: list[AbandonedChange] = []
        self._unsaved_deliveries: Counter[int] = Counter()
        self._not_done = 0
        self._unsaved = 0
        self._room = asyncio.Event()
        self._saver = ThreadPoolExecutor(1)
        self._one_save = asyncio.Lock()
        self._trouble = False
        self.delivered = 0
        self.abandoned = 0

    @property
    def read_from(self) -> dict[int, int]:
        """The offset at which reading starts, by partition."""
        return {partition: progress.read_from for partition, progress in self._progress.items()}

    @property
    def waiting(self) -> int:
        """Matching changes that have been read, and neither delivered nor abandoned."""
        return self._not_done - self._unsaved

    @property
    def receiver_is_down(self) -> bool:
        """Whether the receiver is considered down."""
        return self._dispatcher.receiver_is_down

    @property
    def in_trouble(self) -> bool:
        """Whether progress can't be saved."""
        return self._trouble

    async def run(self, reader: ChangeReader) -> None:
        """Deliver until SIGINT or SIGTERM; then wait for running attempts, and save progress. Closes the reader.

        Raises
        ------
        TakenOverError
            If another process delivers for this webhook.
        LogError
            If the topic was recreated.
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

    async def _read(self, reader: ChangeReader, thread: ThreadPoolExecutor) -> None:
        while True:
            while self._not_done >= WINDOW:
                self._room.clear()
                await self._room.wait()
            records = await _in(thread, reader.read, WINDOW - self._not_done, _POLL_SECONDS)
            for record, left_out in zip(records, await self._left_out(thread, records), strict=True):
                self._add(record, left_out)

    async def _left_out(self, thread: ThreadPoolExecutor, records: list[ChangeRecord]) -> list[bool]:
        """Whether each record is left out; waits for Postgres, since a held-out customer must not be sent."""
        if self._held_out is None or not records:
            return [False] * len(records)
        has_warned = False
        while True:
            try:
                return await _in(thread, self._held_out.among, records, self._kind)
            except (OperationalError, InterfaceError) as error:
                if not has_warned:
                    log.warning("can't ask who is held out; waiting", reason=first_line(error.orig))
                has_warned = True
                await asyncio.sleep(_SAVE_SECONDS)

    def _add(self, record: ChangeRecord, left_out: bool = False) -> None:
        change: AnyChange | None
        try:
            change = self._kind.read(record.event)
        except msgspec.MsgspecError as error:
            log.warning(
                "skipped a record that is not a change",
                partition=record.partition,
                offset=record.offset,
                reason=str(error),
            )
            change = None
        progress = self._progress[record.partition]
        lost = progress.lost
        matches = change is not None and not left_out and (self._matches is None or self._matches(change))
        if progress.record(record.offset, matches) and change is not None:
            self._not_done += 1
            self._dispatcher.add(Delivery(*record[:2], change.customer_id, change.sequence, record.event))
        if progress.lost > lost:
            log.error("waiting changes are gone from the topic", partition=record.partition, count=progress.lost - lost)

    def _finish(self, delivery: Delivery, finished: Finished) -> None:
        self._progress[delivery.partition].finish(delivery.offset)
        self._unsaved += 1
        if finished.abandoned is None:
            self.delivered += 1
            self._unsaved_deliveries[delivery.partition] += 1
            return
        self.abandoned += 1
        who = delivery.customer_id, delivery.sequence
        self._unsaved_abandoned.append(AbandonedChange(*who, delivery.event, finished.abandoned, finished.attempts))
        log.warning("abandoned", change="{}:{}".format(*who), reason=finished.abandoned, attempts=finished.attempts)

    async def _keep_saving(self) -> None:
        while True:
            await asyncio.sleep(_SAVE_SECONDS)
            try:
                await self._save()
            except (OperationalError, InterfaceError) as error:
                # Deliveries continue; unsaved changes count towards the bound, which stops reading in the end.
                if not self._trouble:
                    log.warning("can't save progress; retrying", reason=first_line(error.orig))
                self._trouble = True
            else:
                self._trouble = False

    async def _save(self) -> None:
        # What Postgres has committed must be known here, also if a stop comes meanwhile: it would be counted twice.
        await asyncio.shield(self._save_to_its_end())

    async def _save_to_its_end(self) -> None:
        async with self._one_save:
            changed = {number: at.saved for number, at in self._progress.items() if at.saved != self._saved[number]}
            abandoned, unsaved = list(self._unsaved_abandoned), self._unsaved
            delivered = Counter(self._unsaved_deliveries)
            if changed or abandoned:
                await _in(self._saver, save, self._postgres, self._claim, changed, abandoned, delivered)
                self._saved |= changed
                for partition in changed:
                    self._unsaved_deliveries[partition] -= delivered[partition]
                del self._unsaved_abandoned[: len(abandoned)]
                self._unsaved -= unsaved
                self._not_done -= unsaved
                self._room.set()


async def _in(thread: ThreadPoolExecutor, function: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, function, *arguments)


async def _first_of(*work: Coroutine[Any, Any, object]) -> None:
    """Run several coroutines until one returns or fails, then cancel the others."""
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
    """Call ``stop`` on the first SIGINT or SIGTERM; a second one ends the process at once."""
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
