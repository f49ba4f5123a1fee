"""Publishing, steps 3 and 4: what the change topic holds already, and catching up with it.

The changes behind the stored published position may be in the topic already: a few of them after a fault, many of them
after Postgres was restored to an older copy. They are skipped when their turn comes, in whatever order that is.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import structlog

from data.postgres.erasures import Forgotten
from stream_app.core.apply import PartitionProgress
from stream_app.outbox.changes_ahead import ChangesAhead, Held
from stream_app.outbox.row_kinds import AnyKind, Row
from stream_app.partition_status import Clock
from stream_app.stages import Stage
from stream_app.storage.outbox import ChangeKey, Outbox

log = structlog.get_logger(__name__)

ChangesBehind = Callable[[int, ChangeKey | None], Awaitable[ChangesAhead]]
"""Returns the committed changes of a partition of the change topic behind a change; all of them without one."""

_REPORT_SECONDS = 1.0


class Observer(Protocol):
    """Receives what a relay does."""

    def published(self, partition: int, position: int) -> None:
        """The change topic has every change up to a position."""

    def ahead_of_postgres(self, partition: int, changes: int) -> None:
        """The change topic has this many changes that Postgres does not have."""

    def published_differently(self, changes: int) -> None:
        """This many changes have another content in the change topic than in Postgres."""

    def worked(self, stage: Stage, seconds: float) -> None:
        """A stage of the pipeline has done its work once."""

    def last_published_missing(self) -> None:
        """The change topic does not have the change that Postgres knows as the last published one."""


class CatchUp:
    """What the topic holds of one partition's changes behind the published position.

    Attributes
    ----------
    finished
        Whether the outbox has reached everything that the topic holds.
    reported
        How many changes of the topic Postgres does not have, as last reported; None before the first report.
    """

    def __init__(
        self,
        changes_behind: ChangesBehind,
        observer: Observer,
        claim: PartitionProgress,
        kind: AnyKind,
        clock: Clock = time.monotonic,
    ) -> None:
        self._kind = kind
        self._changes_behind = changes_behind
        self._observer = observer
        self._clock = clock
        self._claim = claim
        self._partition = claim.partition
        self._log = log.bind(partition=claim.partition, **kind.log_fields)
        self._ahead = ChangesAhead(None)
        self._committed_position = 0
        self._forgotten: set[str] = set()
        self.reported: int | None = None
        self._reported_at = 0.0

    @property
    def finished(self) -> bool:
        return not self._ahead

    async def begin(self, outbox: Outbox, stored: PartitionProgress, known: int) -> int:
        """Compare the topic with the outbox; returns the position to publish from.

        ``known`` is the published position that the relay knew until now.

        Raises
        ------
        HangingTransactionError
            If a transaction in the topic has no transaction marker.
        """
        last, position = self._kind.positions(stored)
        # Step 3.
        last_published = await outbox.change_at(position)
        ahead = await self._changes_behind(self._partition, last_published)
        if ahead.foreign:
            self._log.warning("the change topic has records that are not changes", records=ahead.foreign)
        forgotten = await outbox.forgotten() if position or len(ahead) else Forgotten()
        # Without any change left, all changes up to the position were those of forgotten customers.
        if position and (not ahead.found or (last_published is None and not forgotten)):
            position = await self._position_without_last_published(outbox, ahead, position)
        # Step 4.
        for customer, sequence in await outbox.sequences(list(ahead.customers), position):
            ahead.drop(customer, sequence)
        for customer in {*forgotten.among(list(ahead.customers)), *self._forgotten}:
            ahead.drop_all(customer)
        lost = max(known - position - len(ahead), 0)
        write_log = self._log.error if lost else self._log.info
        write_log("publishing", position=position, known=known, ahead=len(ahead), lost=lost)
        self._ahead, self._committed_position = ahead, last
        await self.report(outbox, position)
        return position

    def not_in_topic(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The next changes of the outbox without those that the topic holds; reports differences in content."""
        if self.finished:
            return rows
        held = [self._take(row) for row in rows]
        different = [row for row, found in zip(rows, held, strict=True) if found is Held.DIFFERENT]
        if different:
            self._observer.published_differently(len(different))
            self._log.error(
                "changes were published with another content",
                changes=len(different),
                customer=different[0].customer_id,
                sequence=different[0].sequence,
            )
        return [row for row, found in zip(rows, held, strict=True) if found is Held.NO]

    def forget(self, customers: Iterable[str]) -> None:
        """Drop what the topic holds of customers who have been forgotten: it will not come again."""
        for customer in customers:
            self._forgotten.add(customer)
            self._ahead.drop_all(customer)

    def _take(self, row: Row) -> Held:
        if not row.is_tombstone:
            return self._ahead.pop(row)
        # What the topic still has of a forgotten customer will not come again.
        self._ahead.drop_all(row.customer_id)
        return Held.NO

    def report_due(self, published: int) -> bool:
        """Whether :meth:`report` has something new: at most once a second, and when the outbox has caught up."""
        ahead = self._ahead_of_postgres(published)
        waited = self._clock() - self._reported_at > _REPORT_SECONDS
        return ahead != self.reported and (waited or not ahead)

    async def report(self, outbox: Outbox, published: int) -> None:
        """Report and store how many changes of the topic Postgres does not have."""
        ahead = self._ahead_of_postgres(published)
        self._observer.ahead_of_postgres(self._partition, ahead)
        await outbox.save_changes_ahead(self._claim, ahead)
        self.reported, self._reported_at = ahead, self._clock()

    def _ahead_of_postgres(self, published: int) -> int:
        # Postgres had some of these changes already when publishing began; they only wait for their turn.
        waiting = max(self._committed_position - published, 0)
        return max(len(self._ahead) - waiting, 0)

    async def _position_without_last_published(self, outbox: Outbox, ahead: ChangesAhead, position: int) -> int:
        """The position to publish from when the topic does not have the last published change: it is shorter now."""
        end = None if ahead.last is None else await outbox.position_of(ahead.last)
        if end is None and ahead.withdrawn is not None:
            # Everything before the hanging transaction that has been aborted was published, and may be deleted since.
            first = await outbox.position_of(ahead.withdrawn)
            end = None if first is None else first - 1
        self._log.warning(
            "the change topic does not have the change that was published last", position=position, ends_at=end
        )
        self._observer.last_published_missing()
        return position if end is None else min(position, end)
