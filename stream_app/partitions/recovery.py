"""What a partition task does about failures: it counts and reports them, and looks for a record that causes them.

Only a commit, or having caught up with the log, ends a series of failures. The series is stored, so that a new worker
continues it.
"""

import asyncio
import contextlib

import structlog

from runtime.backoff import wait_seconds
from runtime.errors import SegueError
from stream_app.core.apply import PartitionProgress
from stream_app.core.decode import MicroBatch
from stream_app.metrics import Metrics
from stream_app.partitions.bisection import Bisection, in_one_line
from stream_app.storage.failures import FailureStore

log = structlog.get_logger(__name__)

# A second more than a connection to Postgres may take; the next attempt must not wait any longer for a note.
_SAVE_FAILURE_SECONDS = 6.0
# Far more failures than finding one record in the largest batch takes.
_MOST_HURRIED = 50


class Recovery:
    """The failures in a row of one partition, the search for their cause, and the records that are to be skipped."""

    def __init__(self, partition: int, store: FailureStore, metrics: Metrics) -> None:
        self._partition = partition
        self._store = store
        self._metrics = metrics
        self._log = log.bind(partition=partition)
        self._failures = 0
        self._bisection = Bisection()
        self._applying: tuple[int, int] | None = None
        self._rejecting = False
        self._skipped: dict[int, str] = {}

    def resume(self) -> None:
        """Nothing is being applied: a failure from here on is no record's fault."""
        self._applying = None

    async def inherit(self) -> None:
        """Continue the stored series of failures, and the age of the last commit, after a claim."""
        state = await self._store.failure_state()
        self._failures = max(self._failures, state.failures)
        self._metrics.inherited(self._partition, state.commit_age, self._failures, state.failure)

    async def read_skipped(self, progress: PartitionProgress) -> None:
        """Read which records an operator has skipped."""
        self._skipped = await self._store.skipped(progress)

    def most_offsets(self, next_offset: int) -> int | None:
        """The limit of the next batch: a suspected record is searched for, and a skipped one must be alone."""
        limit = self._bisection.most_offsets(next_offset)
        to_skip = min((offset for offset in self._skipped if offset >= next_offset), default=None)
        if to_skip is None:
            return limit
        before = max(to_skip - next_offset, 1)
        return before if limit is None else min(limit, before)

    def begin(self, batch: MicroBatch, progress: PartitionProgress) -> MicroBatch:
        """The batch to apply: this one, or its only record as a dead letter."""
        first = progress.next_offset
        self._applying = first, batch.next_offset
        verdict = self._bisection.verdict(first, batch.next_offset)
        skipped = self._skipped.get(first)
        self._rejecting = verdict is not None and skipped is None
        if skipped is not None:
            return batch.rejected(f"skipped by an operator: {skipped}")
        if verdict is not None:
            self._log.error("a record could not be applied", offset=first, reason=verdict)
            return batch.rejected(verdict)
        return batch

    def applied(self, progress: PartitionProgress) -> None:
        """The batch has been committed."""
        self._applying = None
        self._bisection.committed(progress.next_offset, self._rejecting)

    def committed(self) -> None:
        """There was a commit, which has ended the stored series, too."""
        self._failures = 0

    async def failed(self, error: Exception, progress: PartitionProgress | None) -> float:
        """Count, report and store a failure; returns the seconds to back off, which are few during a search.

        ``progress`` is None without a claim; then nothing is stored.
        """
        unexpected = not isinstance(error, SegueError)
        self._log.error("will try again", error=repr(error), exc_info=unexpected and not self._failures)
        self._failures += 1
        self._metrics.failed(self._partition, error, self._failures)
        if self._applying is not None:
            self._bisection.failed(*self._applying, error)
            self._applying = None
        if self._bisection.gave_up:
            self._log.error("many records in a row could not be applied: the cause is not the records")
        if progress is not None:
            # Best effort: Postgres may be unavailable.
            with contextlib.suppress(Exception):
                saving = self._store.save_failure(progress, self._failures, in_one_line(error))
                await asyncio.wait_for(saving, _SAVE_FAILURE_SECONDS)
        hurry = self._bisection.searching and not self._bisection.gave_up and self._failures < _MOST_HURRIED
        return wait_seconds(0 if hurry else self._failures)

    async def end_if_caught_up(self, progress: PartitionProgress) -> None:
        """End a series of failures without a commit: nothing waits that could fail, and Postgres can be written to."""
        if self._failures and self._metrics.caught_up(self._partition):
            await self._store.clear_failures(progress)
            self._failures = 0
            self._metrics.recovered(self._partition)
