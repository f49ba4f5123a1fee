"""Publishes what one partition commits: its changes through relays, and its dead letters beside them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog

from data.contract.change_row import ChangeRow
from data.contract.risk_row import RiskRow
from stream_app.core.apply import PartitionProgress
from stream_app.core.decode import DeadLetter
from stream_app.outbox.catch_up import ChangesBehind, Observer
from stream_app.outbox.change_writer import ChangeWriter
from stream_app.outbox.relay import Relay
from stream_app.outbox.row_kinds import RISK_CHANGES, SEGMENT_CHANGES, AnyKind
from stream_app.partitions.worker_context import WorkerContext
from stream_app.storage.outbox import AheadOfPostgres, Outbox

log = structlog.get_logger(__name__)

_SAVE_SECONDS = 5.0


class Publisher:
    """Publishes changes and dead letters while a claim holds; ``outbox`` is the partition task's own connection.

    Risk changes have a relay of their own, as soon as the partition has its first one.
    """

    def __init__(self, context: WorkerContext, partition: int, outbox: Outbox) -> None:
        self._context = context
        self._outbox = outbox
        self._log = log.bind(partition=partition)
        self._dead_letters = context.new_dead_letter_publisher(partition)
        self._relay: Relay | None = None
        self._risk_relay: Relay | None = None
        self._new_risk_relay: Callable[[], Relay] | None = None
        self._save_at = context.clock() + _SAVE_SECONDS

    @property
    def fenced(self) -> bool:
        """Whether a relay has found that another worker has claimed the partition."""
        return any(relay.stopped for relay in self._relays)

    def position(self, progress: PartitionProgress) -> int:
        """The published position to save: a later relay can start from it."""
        return progress.published_position if self._relay is None else self._relay.safe_position

    def risk_position(self, progress: PartitionProgress) -> int:
        """The published position of risk changes to save."""
        return progress.risk_published_position if self._risk_relay is None else self._risk_relay.safe_position

    async def resume(self, progress: PartitionProgress, personas: Mapping[str, str]) -> None:
        """Publish what is committed but may not be published, under a new claim or after a fault."""
        if self._knows_more_than(progress):
            self._log.error(
                "Postgres was set back: it has fewer changes than it had", position=progress.change_position
            )
            await self.pause()
        context = self._context
        if self._relay is None:
            changes = self._relays_of(SEGMENT_CHANGES, context.new_writer, context.changes_behind, context.metrics)
            self._relay = changes(progress, personas)
        risk = self._relays_of(RISK_CHANGES, context.new_risk_writer, context.risk_changes_behind, context.metrics.risk)
        self._new_risk_relay = partial(risk, progress, personas)
        if self._risk_relay is None and progress.risk_position:
            self._risk_relay = self._new_risk_relay()
        for relay in self._relays:
            relay.resume(progress)
        self._dead_letters.log_id = progress.log_id
        self._dead_letters.publish(await self._unpublished_dead_letters())

    def offer_changes(self, changes: Sequence[ChangeRow]) -> None:
        """Publish changes that have just been committed (unit of work, step 9).

        A tombstone among them also ends the publishing of the customer's earlier risk changes.
        """
        if self._relay is not None:
            self._relay.offer(changes)
        forgotten = {row.customer_id for row in changes if row.is_tombstone}
        if self._risk_relay is not None and forgotten:
            self._risk_relay.forget(forgotten)

    def offer_risk_changes(self, changes: Sequence[RiskRow]) -> None:
        """Publish risk changes that have just been committed (unit of work, step 9)."""
        if changes and self._risk_relay is None and self._new_risk_relay is not None:
            self._risk_relay = self._new_risk_relay()
        if self._risk_relay is not None:
            self._risk_relay.offer(changes)

    def offer_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Publish dead letters that have just been committed (unit of work, step 9)."""
        self._dead_letters.publish(letters)

    async def finish(self, progress: PartitionProgress) -> None:
        """Wait a few seconds for all changes to be published, and save the published position."""
        seconds = self._context.finish_seconds
        try:
            await asyncio.wait_for(self._wait_until_published(), seconds)
            await asyncio.wait_for(self.save_position(progress), seconds)
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
        published, risk = self.position(progress), self.risk_position(progress)
        more = published > progress.published_position or risk > progress.risk_published_position
        if all_letters or more or self._context.clock() > self._save_at:
            self._save_at = self._context.clock() + _SAVE_SECONDS
            return await self._outbox.save_published(progress, published, all_letters, risk, self._ahead)
        return progress

    async def pause(self) -> None:
        """Close the relays; :meth:`resume` creates new ones."""
        relays = self._relays
        self._relay = self._risk_relay = self._new_risk_relay = None
        for relay in relays:
            await relay.close()

    async def close(self) -> None:
        """Stop publishing at once; a later claim continues from the outbox."""
        self._dead_letters.close()
        await self.pause()

    @property
    def _ahead(self) -> AheadOfPostgres:
        relays = (self._relay, self._risk_relay)
        return AheadOfPostgres(*(None if relay is None else relay.ahead for relay in relays))

    @property
    def _relays(self) -> list[Relay]:
        return [relay for relay in (self._relay, self._risk_relay) if relay is not None]

    def _knows_more_than(self, progress: PartitionProgress) -> bool:
        return any(relay.is_beyond(progress) for relay in self._relays)

    def _relays_of(
        self,
        kind: AnyKind,
        new_writer: Callable[[int], ChangeWriter],
        changes_behind: ChangesBehind,
        observer: Observer,
    ) -> Callable[[PartitionProgress, Mapping[str, str]], Relay]:
        """What creates relays of a kind, from a claim and the names of segments by id."""
        context = self._context

        def new(claim: PartitionProgress, personas: Mapping[str, str]) -> Relay:
            return Relay(
                Outbox(context.database, claim.partition, kind.table),
                claim,
                personas,
                new_writer=new_writer,
                changes_behind=changes_behind,
                observer=observer,
                clock=context.clock,
                new_thread=context.new_thread,
                kind=kind,
            )

        return new

    async def _wait_until_published(self) -> None:
        for relay in self._relays:
            await relay.wait_until_published()

    async def _unpublished_dead_letters(self) -> Sequence[DeadLetter]:
        return await self._outbox.unpublished_dead_letters(self._dead_letters.log_id)
