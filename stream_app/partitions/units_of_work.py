"""The units of work of one partition: micro-batches, slices of due decay, and chunks of rescored customers.

Each is computed from what Postgres holds and committed as a whole (docs/mechanisms/progress.md).
"""

from collections.abc import Callable

from data.contract.change_row import ChangeRow
from models.rhythm.carried import rhythm_of
from models.segment_model import SegmentModel
from stream_app.core.apply import AppliedBatch, PartitionProgress, StoredState, apply_batch
from stream_app.core.change_rows import change_rows
from stream_app.core.columns import LONG_AGO
from stream_app.core.decode import MicroBatch
from stream_app.core.due import apply_without_records, no_records, untouched
from stream_app.core.erasure import without_foreign_erasure, without_forgotten
from stream_app.core.risk_columns import ActiveRhythm
from stream_app.core.risk_rows import risk_rows
from stream_app.partition_life import Event, Life, State
from stream_app.partitions.publisher import Publisher
from stream_app.partitions.recovery import Recovery
from stream_app.partitions.worker_context import WorkerContext
from stream_app.stages import Stage
from stream_app.storage.unit_of_work import PartitionStore

# Customers without a record whom one unit of work moves or rescores. Larger ones save nothing, and take memory.
_MOST_WITHOUT_RECORDS = 5_000

#: Computes the result of a micro-batch, as :func:`stream_app.core.apply.apply_batch` does.
Apply = Callable[
    [MicroBatch, StoredState, SegmentModel | None, PartitionProgress, Callable[[str], int]],
    AppliedBatch,
]


class UnitsOfWork:
    """Commits one unit of work after another, from :attr:`progress` on. ``stopping`` returns whether to end early.

    :attr:`rhythm` is None in a partition without risk states.
    """

    progress: PartitionProgress
    model: SegmentModel | None
    rhythm: ActiveRhythm | None

    def __init__(
        self,
        context: WorkerContext,
        store: PartitionStore,
        publisher: Publisher,
        recovery: Recovery,
        life: Life,
        stopping: Callable[[], bool],
        apply: Apply = apply_batch,
    ) -> None:
        self._partition_of = context.partition_of
        self._most_without_records = min(context.config.batch_size, _MOST_WITHOUT_RECORDS)
        self._metrics = context.metrics
        self._clock = context.clock
        self._store = store
        self._publisher = publisher
        self._recovery = recovery
        self._life = life
        self._stopping = stopping
        self._apply = apply
        #: The names of all segments seen so far, by segment id.
        self.personas: dict[str, str] = {}
        self._rescored_up_to = ""

    async def apply(self, batch: MicroBatch) -> None:
        """Steps 2 to 9 of the unit of work (docs/mechanisms/progress.md)."""
        started = loading = self._clock()
        batch = self._recovery.begin(batch, self.progress)
        batch = without_forgotten(batch, self._store.forgotten_customers.__contains__)
        batch = without_foreign_erasure(batch, self.progress.partition, self._partition_of)
        # Step 2.
        limit = self._most_without_records
        watermark = self.progress.watermark
        stored = await self._store.load(batch, self.model, watermark, due=limit + 1, rhythm=self.rhythm)
        if untouched(batch, stored) > limit:
            if not await self._fire_what_is_due(batch):
                return
            loading = self._clock()
            stored = await self._store.load(batch, self.model, watermark, due=0, rhythm=self.rhythm)
        # Steps 3 and 4.
        result = self._apply(batch, stored, self.model, self.progress, self._partition_of)
        self._metrics.worked(Stage.APPLY, self._clock() - loading)
        await self._commit(batch, result)
        self._recovery.applied(self.progress)
        self._metrics.committed(self.progress, batch.records, result, self._clock() - started)
        # Step 9, second half; _commit does the first.
        self._publisher.offer_dead_letters(result.dead_letters)
        if batch.model is not None:
            # Rescoring, step 4.
            await self.load_model(batch.model.version)
            self._life.on(Event.ACTIVATED)

    async def _fire_what_is_due(self, batch: MicroBatch) -> bool:
        """Ticks, step 3: commit what is due in slices; returns False if a stop was requested before the last one."""
        return await self._fire_due_decay(batch) and (
            self.rhythm is None or await self._fire_due_risk(batch, self.rhythm)
        )

    async def _fire_due_decay(self, batch: MicroBatch) -> bool:
        watermark, start = max(batch.watermark, self.progress.watermark), LONG_AGO
        limit = self._most_without_records
        while not self._stopping():
            loading = self._clock()
            stored = await self._store.load_due(batch, self.model, watermark, limit, start, self.rhythm)
            if not len(stored.profiles):
                return True
            start = int(stored.profiles.next_change_at.max())
            await self._commit_without_records(stored, watermark, loading)
        return False

    async def _fire_due_risk(self, batch: MicroBatch, rhythm: ActiveRhythm) -> bool:
        """The customers whose decay was due are in other slices, and their risk states with them."""
        watermark, start = max(batch.watermark, self.progress.watermark), LONG_AGO
        limit = self._most_without_records
        while not self._stopping():
            loading = self._clock()
            stored = await self._store.load_due_by_risk(batch, self.model, watermark, limit, start, rhythm)
            if stored.risk is None or not len(stored.profiles):
                return True
            start = int(stored.risk.rows.next_at.max())
            await self._commit_without_records(stored, watermark, loading)
        return False

    async def _commit_without_records(self, stored: StoredState, watermark: int, loading: float) -> None:
        """Apply and commit stored state alone, which was loaded since the moment ``loading``."""
        result = apply_without_records(stored, self.model, self.progress, watermark)
        self._metrics.worked(Stage.APPLY, self._clock() - loading)
        await self._commit(no_records(self.progress), result)
        self._metrics.committed_without_records(self.progress, result)

    async def _commit(self, batch: MicroBatch, result: AppliedBatch) -> None:
        self._life.require_applying()
        # Step 5.
        changes, risk_changes = change_rows(batch, result, self.progress), risk_rows(batch, result, self.progress)
        # Steps 6 to 8.
        published, risk_published = (
            self._publisher.position(self.progress),
            self._publisher.risk_position(self.progress),
        )
        forgets = batch.erased is not None and batch.erased not in self._store.forgotten_customers
        started = self._clock()
        self.progress = await self._store.save(
            batch, result, changes, self.progress, published, risk_changes, risk_published
        )
        self._metrics.worked(Stage.COMMIT, self._clock() - started)
        self._recovery.committed()
        if forgets and batch.erased is not None:
            changes.append(ChangeRow.tombstone(self.progress.change_position, batch.erased))
        # Step 9, first half.
        self._publisher.offer_changes(changes)
        self._publisher.offer_risk_changes(risk_changes)
        self._metrics.risk.committed(risk_changes)

    async def rescore_chunk(self) -> bool:
        """Rescoring, step 6: rescore some customers under an older model; returns False when there are none."""
        if self.model is None or self._life.state is not State.RESCORING:
            return False
        loading = self._clock()
        limit, after = self._most_without_records, self._rescored_up_to
        stored = await self._store.load_outdated(self.model, limit, after, self.rhythm)
        if not len(stored.profiles):
            self._life.on(Event.ALL_RESCORED)
            return False
        await self._commit_without_records(stored, self.progress.watermark, loading)
        self._rescored_up_to = max(stored.profiles.customer_id)
        return True

    async def begin(self) -> None:
        """Decide, before the first records of a partition, whether it begins with a model or without one."""
        if self.model is None and not self.progress.began_without_model:
            self.progress = await self._store.begin(self.progress)
            await self.load_model(self.progress.model_version)
            if self.model is not None:
                self._life.on(Event.ACTIVATED)

    async def load_model(self, version: str | None) -> None:
        """Score with a model from here on, or not at all; all customers may be under an older one."""
        self.model = None if version is None else await self._store.model(version)
        rhythm = None if self.model is None else rhythm_of(self.model)
        # Without a rhythm model, only a partition that had one has risk rows.
        self.rhythm = ActiveRhythm(rhythm) if rhythm is not None or self.progress.risk_position else None
        if self.model is not None:
            self.personas |= {segment.id: segment.name for segment in self.model.segments}
        self._rescored_up_to = ""
