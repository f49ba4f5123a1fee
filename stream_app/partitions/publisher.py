"""Publishes what one partition commits: its changes through a relay, and its dead letters beside it."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from data.contract.change_row import ChangeRow
from data.contract.risk_row import RiskRow
from stream_app.core.apply import PartitionProgress
from stream_app.core.decode import DeadLetter
from stream_app.outbox.relay import Relay
from stream_app.partitions.worker_context import WorkerContext
from stream_app.storage.outbox import Outbox

log = structlog.get_logger(__name__)

_SAVE_SECONDS = 5.0
_FINISH_SECONDS = 5.0


class Publisher:
    """Publishes changes and dead letters while a claim holds; ``outbox`` is the partition task's own connection."""

    def __init__(self, context: WorkerContext, partition: int, outbox: Outbox) -> None:
        self._context = context
        self._outbox = outbox
        self._log = log.bind(partition=partition)
        self._dead_letters = context.new_dead_letter_publisher(partition)
        self._relay: Relay | None = None
        self._save_at = context.clock() + _SAVE_SECONDS

    @property
    def fenced(self) -> bool:
        """Whether the relay has found that another worker has claimed the partition."""
        return self._relay is not None and self._relay.stopped

    def position(self, progress: PartitionProgress) -> int:
        """The published position to save: a later relay can start from it."""
        return progress.published_position if self._relay is None else self._relay.safe_position

    async def resume(self, progress: PartitionProgress, personas: Mapping[str, str]) -> None:
        """Publish what is committed but may not be published, under a new claim or after a fault."""
        if self._relay is not None and self._relay.is_beyond(progress.change_position):
            self._log.error(
                "Postgres was set back: it has fewer changes than it had", position=progress.change_position
            )
            await self.pause()
        if self._relay is None:
            context = self._context
            self._relay = Relay(
                context.database,
                progress,
                personas,
                context.new_writer,
                context.changes_behind,
                context.metrics,
                context.clock,
                context.new_thread,
            )
        self._relay.log_id = progress.log_id
        self._relay.publish_up_to(progress.change_position)
        self._dead_letters.log_id = progress.log_id
        self._dead_letters.publish(await self._unpublished_dead_letters())

    def offer_changes(self, changes: Sequence[ChangeRow]) -> None:
        """Publish changes that have just been committed (unit of work, step 9)."""
        if self._relay is not None:
            self._relay.offer(changes)

    def offer_risk_changes(self, changes: Sequence[RiskRow]) -> None:
        """Publish risk changes that have just been committed (unit of work, step 9)."""

    def offer_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Publish dead letters that have just been committed (unit of work, step 9)."""
        self._dead_letters.publish(letters)

    async def finish(self, progress: PartitionProgress) -> None:
        """Wait a few seconds for all changes to be published, and save the published position."""
        try:
            await asyncio.wait_for(self._wait_until_published(), _FINISH_SECONDS)
            await asyncio.wait_for(self.save_position(progress), _FINISH_SECONDS)
        except Exception as error:
            self._log.warning("could not save the published position", error=repr(error))

    async def save_position(self, progress: PartitionProgress) -> PartitionProgress:
        """Publishing, step 7, when no unit of work is about to save the position; returns the new progress.

        Saves every few seconds in any case: an idle partition would not notice otherwise that Postgres was set back.

        Raises
        ------
        FencedError
            If another worker has claimed the partition, or Postgres no longer has ``progress``.
        """
        all_letters = await self._dead_letters.all_delivered(self._unpublished_dead_letters)
        published = self.position(progress)
        if all_letters or published > progress.published_position or self._context.clock() > self._save_at:
            self._save_at = self._context.clock() + _SAVE_SECONDS
            return await self._outbox.mark_published(progress, published, all_letters)
        return progress

    async def pause(self) -> None:
        """Close the relay; :meth:`resume` creates a new one."""
        relay, self._relay = self._relay, None
        if relay is not None:
            await relay.close()

    async def close(self) -> None:
        """Stop publishing at once; a later claim continues from the outbox."""
        self._dead_letters.close()
        await self.pause()

    async def _wait_until_published(self) -> None:
        if self._relay is not None:
            await self._relay.wait_until_published()

    async def _unpublished_dead_letters(self) -> Sequence[DeadLetter]:
        return await self._outbox.unpublished_dead_letters(self._dead_letters.log_id)
