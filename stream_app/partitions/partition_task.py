"""The task that applies one assigned partition, micro-batch by micro-batch, in the order of the log.

While a micro-batch waits for Postgres, the record buffer decodes the next records (``buffer.py``). While the changes
of a micro-batch are published, the next one is applied (``stream_app.outbox.relay``). After any fault the task backs
off, reads the stored progress, and continues to read the log from there. The task never skips a record: one that can't
be applied is found by halving its batch (``recovery.py``) and becomes a dead letter, and so does one that an operator
has skipped. Only a commit, or having caught up with the log, ends a series of failures.
``stream_app/partition_life.py`` has the states of a partition; :meth:`PartitionTask._step` does what each is for.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import structlog

from data.kafka.log import UnreachableError
from stream_app.core.apply import apply_batch
from stream_app.core.log_record import LogRecord
from stream_app.partition_life import Event, Life, State, Transition
from stream_app.partitions.buffer import RecordBuffer
from stream_app.partitions.log_check import LogCheck
from stream_app.partitions.publisher import Publisher
from stream_app.partitions.recovery import Recovery
from stream_app.partitions.units_of_work import Apply, UnitsOfWork
from stream_app.partitions.worker_context import WorkerContext
from stream_app.storage.claim import FencedError
from stream_app.storage.connection import Database
from stream_app.storage.unit_of_work import PartitionStore

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.25


class PartitionTask:
    """One assigned partition: :meth:`run` it, and offer it records once it is :attr:`claimed`.

    ``seek`` is called with the offset to read the log from, after every claim and every fault. ``apply`` computes the
    result of a micro-batch, and ``new_store`` makes what stores it. ``claimed`` is for those who wait: it is set in the
    states that count as claimed.
    """

    def __init__(
        self,
        context: WorkerContext,
        partition: int,
        seek: Callable[[int], Awaitable[None]],
        apply: Apply = apply_batch,
        new_store: Callable[[Database, int], PartitionStore] = PartitionStore,
    ) -> None:
        self._context, self._config = context, context.config
        self._partition, self._seek = partition, seek
        self._log = log.bind(partition=partition)
        self._metrics = context.metrics
        self._metrics.assigned(partition)
        self.claimed = asyncio.Event()
        self._life = Life(self._moved)
        self._store = new_store(context.database, partition)
        self._buffer = RecordBuffer.of(context, partition)
        self._stop_requested = asyncio.Event()
        self._log_check = LogCheck(context, partition, self._store)
        self._recovery = Recovery(partition, self._store, self._metrics)
        self._publisher = Publisher(context, partition, self._store)
        self._work = UnitsOfWork(
            context, self._store, self._publisher, self._recovery, self._life, self._stop_requested.is_set, apply
        )

    @property
    def next_offset(self) -> int:
        """The offset of the record that the task expects next."""
        return self._buffer.next_offset

    @property
    def idle(self) -> bool:
        """Whether the partition is claimed and no records wait."""
        return self._life.state.is_claimed and not self._buffer

    def offer(self, records: Sequence[LogRecord]) -> int | None:
        """Add records; returns the first missing offset, and adds nothing, if records before them are missing.

        Before the partition is claimed, records are dropped: the next offset is not known yet.
        """
        return self._buffer.offer(records) if self._life.state.is_claimed else None

    def skip(self, missing: int, offset: int) -> bool:
        """Expect the record at ``offset`` next, since the log has no records from ``missing`` up to there.

        Returns False, and skips nothing, if ``missing`` is no longer the next offset.
        """
        if self._buffer.next_offset != missing:
            return False
        self._buffer.skip_to(offset)
        return True

    def request_log_check(self, seek: bool = False) -> None:
        """Compare the progress with the log before the next micro-batch is applied.

        With ``seek``, read the log from the next offset again even if it has no fault.
        """
        self._log_check.request(seek)

    async def has_room(self) -> None:
        """Wait until the record buffer has room."""
        await self._buffer.has_room()

    async def run(self) -> None:
        """Claim the partition, and apply the offered records until :meth:`stop`; once only."""
        added = self._partition >= self._context.partitions
        self._life.on(Event.REFUSED if added else Event.BEGUN)
        if added:
            self._log.error("not claimed: partitions were added to the log, see docs/operations.md")
        try:
            while not self._stop_requested.is_set():
                try:
                    await self._step()
                except Exception as error:
                    await self._fail(error)
        finally:
            self._life.on(Event.STOPPED)
            self._buffer.close()

    def stop(self) -> None:
        """Let :meth:`run` return after the current micro-batch."""
        self._stop_requested.set()
        self._buffer.close()

    async def close(self) -> None:
        """Wait a few seconds for the changes to be published, save the published position, and disconnect."""
        self._life.on(Event.STOPPED)
        try:
            if self._life.state is State.STOPPING:
                await self._publisher.finish(self._work.progress)
                self._life.on(Event.PUBLISHED)
        finally:
            self._metrics.released(self._partition)
            await self._publisher.close()
            await self._store.close()

    def _moved(self, transition: Transition) -> None:
        self._metrics.moved(self._partition, transition)
        signal = self.claimed.set if transition.after.is_claimed else self.claimed.clear
        signal()

    async def _step(self) -> None:
        """Do what the state is for: take over, apply one micro-batch, or wait."""
        try:
            match self._life.state:
                case State.CLAIMING | State.TAKING_OVER | State.RESUMING:
                    await self._take_over()
                case State.COLLECTING | State.RESCORING | State.RUNNING:
                    await self._apply_next()
                case State.FENCED:
                    await self._let_successor_work()
                case _:
                    await self._stop_requested.wait()
        except FencedError as error:
            self._life.on(Event.FENCED)
            self._log.warning("fenced", reason=str(error))
            self._metrics.fenced()

    async def _fail(self, error: Exception) -> None:
        progress = self._work.progress if self._life.state.holds_claim else None
        self._life.on(Event.FAILED)
        await self._sleep(await self._recovery.failed(error, progress))

    async def _let_successor_work(self) -> None:
        """Stop publishing, and wait until the consumer group has revoked the partition, if another worker has it."""
        await self._publisher.pause()
        await self._sleep(self._config.session_timeout)
        if not self._stop_requested.is_set():
            self._life.on(Event.WAITED)

    async def _take_over(self) -> None:
        """Claim the partition, or reread the progress of a claim that holds, and continue from there."""
        self._recovery.resume()
        await self._store.open()
        if self._life.state.holds_claim:
            self._work.progress = await self._store.progress(self._work.progress)
        else:
            log_id, owner = self._context.log_id, self._context.owner
            self._work.progress = await self._store.claim(log_id, owner, self._config.currency)
            # A fault from here on must not lead to another claim: it would fence a worker that has claimed since.
            self._life.on(Event.CLAIMED)
            await self._recovery.inherit()
            self._log.info("claimed", offset=self._work.progress.next_offset, epoch=self._work.progress.epoch)
        await self._check_log()
        await self._recovery.read_skipped(self._work.progress)
        await self._store.load_forgotten()
        self._work.personas |= await self._store.personas()
        await self._work.load_model(self._work.progress.model_version)
        if self._work.model is None:
            self._log.info("collecting customers without segments until there is a model")
        await self._publisher.resume(self._work.progress, self._work.personas)
        self._buffer.reset(self._work.progress.next_offset, self._work.progress.control_number)
        await self._seek(self._work.progress.next_offset)
        self._life.on(Event.READY_WITHOUT_MODEL if self._work.model is None else Event.READY)
        self._buffer.request_records()
        self._metrics.claimed(self._work.progress)

    async def _apply_next(self) -> None:
        """Apply the next micro-batch, or rescore customers while no records wait."""
        if self._publisher.fenced:
            raise FencedError("another worker publishes this partition now")
        if self._log_check.take_request():
            await self._check_running_log()
        if not self._buffer:
            if not await self._work.rescore_chunk() and not await self._buffer.wait_for_records(_POLL_SECONDS):
                self._work.progress = await self._publisher.save_position(self._work.progress)
                await self._recovery.end_if_caught_up(self._work.progress)
            return
        # Step 1 of the unit of work.
        batch = await self._buffer.next_batch(self._recovery.most_offsets(self._work.progress.next_offset))
        if batch.next_offset > self._work.progress.next_offset:
            await self._work.begin()
            if batch.model is not None and await self._store.has_activated(batch):
                batch.model = None
            # Rescoring, step 2: every customer is rescored with the old model before a new one becomes active.
            while batch.model is not None and await self._work.rescore_chunk():
                pass
            await self._work.apply(batch)
        self._buffer.pop()
        await self._work.rescore_chunk()

    async def _check_log(self) -> bool:
        """Compare the progress with the log; after a fault continue with what the log holds, and return True."""
        fault = await self._log_check.find(self._work.progress)
        if fault is not None:
            self._work.progress = await self._publisher.save_position(self._work.progress)
            self._work.progress = await self._log_check.continue_after(fault, self._work.progress)
        return fault is not None

    async def _check_running_log(self) -> None:
        """Check the log between two batches. A topic that is gone is a failure, a broker that is silent is none."""
        try:
            faulty = await self._check_log()
        except UnreachableError as error:
            self._log.warning("the log was not checked", reason=str(error))
            return
        if faulty:
            await self._publisher.resume(self._work.progress, self._work.personas)
            self._buffer.reset(self._work.progress.next_offset, self._work.progress.control_number)
            self._metrics.claimed(self._work.progress)
        if self._log_check.take_seek() or faulty:
            await self._seek(self._buffer.next_offset)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop_requested.wait(), seconds)
