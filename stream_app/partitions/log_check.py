"""Compares the progress of one partition with its log, and continues with what the log holds after a fault."""

import asyncio
from dataclasses import asdict, replace

import structlog

from data.kafka.log import LogError
from data.kafka.partition_log import PartitionLog, UndeliveredError
from runtime.record_fingerprint import RecordFingerprint
from stream_app.core.apply import PartitionProgress
from stream_app.partitions.log_faults import LogFault, find_fault
from stream_app.partitions.worker_context import WorkerContext
from stream_app.storage.claim import ClaimStore

log = structlog.get_logger(__name__)

# A broker that has just started may know less than it will in a moment.
_CONFIRM_SECONDS = 0.5


class LogCheck:
    """The checks of one partition's log; ``store`` is the partition task's own connection."""

    def __init__(self, context: WorkerContext, partition: int, store: ClaimStore) -> None:
        self._context = context
        self._partition = partition
        self._store = store
        self._log = log.bind(partition=partition)
        self._last_checked: RecordFingerprint | None = None
        self._requested = False
        self._seek_requested = False

    def request(self, seek: bool) -> None:
        """Ask for a check; with ``seek``, ask to read the log from the next offset again after it, too."""
        self._requested = True
        self._seek_requested = self._seek_requested or seek

    def take_request(self) -> bool:
        """Whether a check has been asked for since the last call."""
        requested, self._requested = self._requested, False
        return requested

    def take_seek(self) -> bool:
        """Whether a seek has been asked for since the last call."""
        requested, self._seek_requested = self._seek_requested, False
        return requested

    async def find(self, progress: PartitionProgress) -> LogFault | None:
        """A fault of the log that was found twice, half a second apart.

        Raises
        ------
        LogError
            If the log can't be checked, or the topic was created again with another number of partitions.
        """
        if await self._find_now(progress) is None:
            return None
        await asyncio.sleep(_CONFIRM_SECONDS)
        return await self._find_now(progress)

    async def continue_after(self, fault: LogFault, progress: PartitionProgress) -> PartitionProgress:
        """Store a fault and the offset from which the partition continues; returns the new progress."""
        self._log.error(
            "fault of the log",
            kind=fault.kind,
            reason=str(fault),
            first=fault.first_offset,
            stop=fault.end_offset,
            next_offset=fault.next_offset,
        )
        # A log id from the settings changes only on purpose, and a log without an applied record loses nothing.
        named = self._context.config.log_id is not None
        expected = fault.kind == "recreated" and (named or not fault.end_offset)
        details = None if expected else asdict(fault)
        progress = await self._store.continue_in_log(progress, fault.next_log_id, fault.next_offset, details)
        self._last_checked = None
        if not expected:
            self._context.metrics.log_fault(self._partition, fault.kind, str(fault), fault.caught_up_offset)
        return progress

    async def _read(self, record: RecordFingerprint | None) -> tuple[PartitionLog, RecordFingerprint | None]:
        """The log, and the record to compare it with; None if the broker does not deliver that record."""
        if record is not None:
            try:
                return await asyncio.to_thread(self._context.read_log, self._partition, record.offset), record
            except UndeliveredError as error:
                self._log.warning("only offsets were compared with the log", reason=str(error))
        return await asyncio.to_thread(self._context.read_log, self._partition, None), None

    async def _find_now(self, progress: PartitionProgress) -> LogFault | None:
        """The fault of the log, if it has one.

        A log that has lost records and has grown again shows in a record that was applied before the last check.
        """
        fault = None
        for record in dict.fromkeys([self._last_checked, progress.last_record]):
            seen, known = await self._read(record)
            fault = fault or find_fault(replace(progress, last_record=known), seen)
        if fault is None:
            self._last_checked = progress.last_record
        elif fault.kind == "recreated" and seen.partitions != self._context.partitions:
            raise LogError(
                f"the topic was created again with {seen.partitions} partitions instead of {self._context.partitions}: "
                "customers would move between partitions; see docs/operations.md"
            )
        return fault
