"""The task that applies one assigned partition, micro-batch by micro-batch, in the order of the log.

While a micro-batch waits for Postgres, the record buffer decodes the next records (``buffer.py``). While the changes
of a micro-batch are published, the next one is applied (``stream_app.outbox.relay``). After any fault the task backs
off, reads the stored progress, and continues to read the log from there. The task never skips a record: one that can't
be applied is found by halving its batch (``recovery.py``) and becomes a dead letter, and so does one that an operator
has had skipped. Only a commit, or having caught up with the log, ends a series of failures. When another
worker has claimed the partition, the task waits as long as the consumer group needs to revoke the partition, and claims
it again only if that has not happened.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import structlog

from data.kafka.log import UnreachableError
from stream_app.core.apply import apply_batch
from stream_app.core.control import ControlRules
from stream_app.core.decode import LogRecord
from stream_app.partitions.buffer import RecordBuffer
from stream_app.partitions.log_check import LogCheck
from stream_app.partitions.publisher import Publisher
from stream_app.partitions.recovery import Recovery
from stream_app.partitions.units_of_work import Apply, UnitsOfWork
from stream_app.partitions.worker_context import WorkerContext
from stream_app.storage.claim import FencedError
from stream_app.storage.unit_of_work import PartitionStore

log = structlog.get_logger(__name__)

_IDLE_SECONDS = 0.25
_CLOSE_SECONDS = 5.0


class PartitionTask:
    """One assigned partition: :meth:`run` it, and offer it records once it is :attr:`claimed`.

    ``seek`` is called with the offset to read the log from, after every claim and every fault. ``apply`` computes the
    result of a micro-batch.
    """

    def __init__(
        self,
        context: WorkerContext,
        partition: int,
        seek: Callable[[int], Awaitable[None]],
        apply: Apply = apply_batch,
    ) -> None:
        self._context = context
        self._config = context.config
        self._partition = partition
        self._seek = seek
        self._log = log.bind(partition=partition)
        self._metrics = context.metrics
        self._metrics.assigned(partition)
        self._store = PartitionStore(context.database, partition)
        control = ControlRules(self._config.control_keys, self._config.topics.transactions, partition)
        self._buffer = RecordBuffer(
            self._config.currency, self._config.batch_size, self._config.max_ahead, control, context.clock
        )
        self._stop_requested = asyncio.Event()
        self._has_claim = False
        self.claimed = asyncio.Event()
        self._check_requested = False
        self._seek_after_check = False
        self._log_check = LogCheck(context, partition, self._store)
        self._recovery = Recovery(partition, self._store, self._metrics)
        self._publisher = Publisher(context, partition, self._store)
        self._work = UnitsOfWork(
            context, self._store, self._publisher, self._recovery, self._stop_requested.is_set, apply
        )

    @property
    def next_offset(self) -> int:
        """The offset of the record that the task expects next."""
        return self._buffer.next_offset

    @property
    def idle(self) -> bool:
        """Whether the partition is claimed and no records wait."""
        return self.claimed.is_set() and not self._buffer

    def offer(self, records: Sequence[LogRecord]) -> int | None:
        """Add records; returns the first missing offset, and adds nothing, if records before them are missing.

        Before the partition is claimed, records are dropped: the next offset is not known yet.
        """
        return self._buffer.offer(records) if self.claimed.is_set() else None

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
        self._check_requested = True
        self._seek_after_check = self._seek_after_check or seek

    async def has_room(self) -> None:
        """Wait until the record buffer has room."""
        await self._buffer.has_room()

    async def run(self) -> None:
        """Claim the partition, and apply the offered records until :meth:`stop`."""
        if self._partition >= self._context.partitions:
            self._log.error("not claimed: partitions were added to the log, see docs/operations.md")
            await self._stop_requested.wait()
            return
        try:
            while not self._stopping:
                try:
                    await self._run_until_fenced()
                except Exception as error:
                    progress = self._work.progress if self._has_claim else None
                    await self._sleep(await self._recovery.failed(error, progress))
        finally:
            self._buffer.close()

    def stop(self) -> None:
        """Let :meth:`run` return after the current micro-batch."""
        self._stop_requested.set()
        self._buffer.close()

    async def close(self) -> None:
        """Wait a few seconds for the changes to be published, save the published position, and disconnect."""
        try:
            if self.claimed.is_set():
                await asyncio.wait_for(self._publisher.wait_until_published(), _CLOSE_SECONDS)
                await asyncio.wait_for(self._publisher.save_position(self._work.progress), _CLOSE_SECONDS)
        except Exception as error:
            self._log.warning("could not save the published position", error=repr(error))
        finally:
            self._metrics.released(self._partition)
            await self._publisher.close()
            await self._store.close()

    @property
    def _stopping(self) -> bool:
        return self._stop_requested.is_set()

    async def _run_until_fenced(self) -> None:
        try:
            await self._resume()
            await self._apply_batches()
        except FencedError as error:
            self._log.warning("fenced", reason=str(error))
            self._metrics.fenced(self._partition)
            self._has_claim = False
            self.claimed.clear()
            await self._publisher.pause()
            # By then the consumer group has revoked the partition, if it now belongs to the other worker.
            await self._sleep(self._config.session_timeout)

    async def _resume(self) -> None:
        """Claim the partition, or reread the progress of a claim that holds, and continue from there."""
        self._recovery.resume()
        await self._store.open()
        if self._has_claim:
            self._work.progress = await self._store.progress(self._work.progress)
        else:
            self._work.progress = await self._store.claim(
                self._context.log_id, self._context.owner, self._config.currency
            )
            # A fault from here on must not lead to another claim: it would fence a worker that has claimed since.
            self._has_claim = True
            await self._recovery.inherit()
            self._log.info("claimed", offset=self._work.progress.next_offset, epoch=self._work.progress.epoch)
        await self._check_log()
        await self._recovery.read_skipped(self._work.progress)
        await self._store.load_forgotten()
        self._work.personas |= await self._store.personas()
        await self._work.use_model(self._work.progress.model_version)
        if self._work.model is None:
            self._log.info("collecting customers without segments until there is a model")
        await self._publisher.resume(self._work.progress, self._work.personas)
        self._buffer.reset(self._work.progress.next_offset, self._work.progress.control_number)
        await self._seek(self._work.progress.next_offset)
        self.claimed.set()
        self._buffer.request_records()
        self._metrics.claimed(self._work.progress)

    async def _apply_batches(self) -> None:
        while not self._stopping:
            if self._publisher.fenced:
                raise FencedError("another worker publishes this partition now")
            if self._check_requested:
                self._check_requested = False
                await self._check_running_log()
            if not self._buffer:
                if not await self._work.rescore_chunk() and not await self._buffer.wait_for_records(_IDLE_SECONDS):
                    self._work.progress = await self._publisher.save_position(self._work.progress)
                    await self._recovery.end_if_caught_up(self._work.progress)
                continue
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
        if faulty or self._seek_after_check:
            self._seek_after_check = False
            await self._seek(self._buffer.next_offset)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop_requested.wait(), seconds)
