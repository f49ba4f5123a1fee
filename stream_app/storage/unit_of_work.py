"""The unit of work: everything that one micro-batch changes, in one Postgres transaction for one partition.

Its steps have the same numbers in docs/mechanisms/progress.md:

1. Take the next micro-batch (``stream_app.partitions.buffer``).
2. Load the stored state that the batch needs (:meth:`PartitionStore.load`).
3. Deduplicate (``stream_app.core.deduplicate``).
4. Decide the segments (``stream_app.core.transition``).
5. Number the changes (``stream_app.core.change_rows``, ``stream_app.core.risk_rows``).
6. Write ledger, profiles, risk states, changes, dead letters and an activated model (:meth:`PartitionStore.save`).
7. Advance the progress row by compare-and-set on log id, epoch, next offset, and the positions of the last change and
   of the last risk change.
8. Commit.
9. Pass the changes to the relay and the dead letters to their publisher (``stream_app.partitions.units_of_work``).

The progress row still has the expected values only if no other worker has claimed the partition. The transaction of a
zombie fails as a whole.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from data.contract.change_row import ChangeRow
from data.contract.risk_row import RiskRow
from data.postgres.erasures import Forgotten
from models.rhythm.carried import METADATA_KEY
from models.segment_model import SegmentModel, from_registry, to_json
from models.units import MICROS_PER_DAY, Ints
from runtime.record_fingerprint import fingerprint
from stream_app.core.apply import AppliedBatch, PartitionProgress, StoredState
from stream_app.core.columns import LONG_AGO, NO_RECORD, PROFILE_COLUMNS, Profiles, SegmentNames
from stream_app.core.counted import CountedTransactions
from stream_app.core.decode import MicroBatch
from stream_app.core.deduplicate import LedgerContent, LedgerKey
from stream_app.core.revisions import revising_customers
from stream_app.core.risk_columns import ActiveRhythm, Risks, StoredRisk
from stream_app.storage import risk_statements, sql_values
from stream_app.storage import statements as sql
from stream_app.storage.arrays import moments
from stream_app.storage.claim import FencedError
from stream_app.storage.connection import Database
from stream_app.storage.failures import FailureStore
from stream_app.storage.next_due import NextDue
from stream_app.storage.outbox import Outbox
from stream_app.storage.sql_values import ledger_rows


class PartitionStore(Outbox, FailureStore):
    """The stored state of one partition, over a connection of its own. One task at a time may use it.

    ``forgotten_customers`` are those of the partition. They are up to date as long as the claim holds: only the owner
    of a partition forgets its customers.
    """

    def __init__(self, database: Database, partition: int) -> None:
        super().__init__(database, partition)
        self.forgotten_customers = Forgotten()
        self._next_due = NextDue()

    async def open(self) -> None:
        """Connect, or connect again; another worker may have written meanwhile."""
        self._next_due.forget()
        await super().open()

    async def load_forgotten(self) -> None:
        """Read the forgotten customers again."""
        self.forgotten_customers = await self.forgotten()

    async def model(self, version: str) -> SegmentModel:
        """A registered model, whose metadata is its rhythm model alone.

        Raises
        ------
        LookupError
            If the version is not registered.
        """
        async with self._connection.transaction():
            row = await (await self._connection.execute(sql.MODEL, [version])).fetchone()
        if row is None:
            raise LookupError(f"model {version} is not registered")
        spec, rhythm = row
        return from_registry(spec, None if rhythm is None else f'{{"{METADATA_KEY}":{rhythm}}}')

    async def personas(self) -> dict[str, str]:
        """The names of the segments of all registered models, by segment id."""
        async with self._connection.transaction():
            return dict(await (await self._connection.execute(sql.PERSONAS)).fetchall())

    async def load(
        self,
        batch: MicroBatch,
        model: SegmentModel | None,
        watermark: int,
        due: int,
        rhythm: ActiveRhythm | None = None,
    ) -> StoredState:
        """Step 2: the known transactions of a batch, its customers, and (ticks, step 3) some who are due.

        Parameters
        ----------
        watermark
            The partition's watermark before the batch.
        due
            The most customers that the batch does not touch and whose decay is due; as many may have a due risk state.
        rhythm
            None in a partition without risk states.
        """
        by, ticks_only = max(batch.watermark, watermark), not batch.customer_id
        if ticks_only and self._next_due.is_after(by):
            return await self._with_counted(_stored({}, None, model, rhythm), model)
        statements = sql if rhythm is None else risk_statements
        # The transaction ends here: its time limit must not include the time in which segments are computed.
        async with self._connection.pipeline(), self._connection.transaction():
            asked = {
                "customer": sql_values.text(batch.customer_id),
                "transaction": sql_values.text(batch.transaction_id),
            }
            queries = [(sql.KNOWN, asked)]
            if revising := revising_customers(batch):
                queries.append((sql.LEDGER_OF_CUSTOMERS, {"customer": sql_values.text(revising)}))
            known = [self._connection.cursor(binary=True) for _ in queries]
            for cursor, (query, asked) in zip(known, queries, strict=True):
                await cursor.execute(query, asked)
            await self._cursor.execute(statements.PROFILES, self._due(batch, by, due, LONG_AGO, rhythm))
            partition = {"partition": self._partition}
            first = await self._connection.execute(statements.NEXT_DUE, partition) if ticks_only else None
        ledger = {
            (customer, transaction): LedgerContent(*content)
            for cursor in known
            for customer, transaction, *content in await cursor.fetchall()
        }
        if first is not None:
            self._next_due.stored(*(await first.fetchone() or [None]))
        row = await self._cursor.fetchone()
        assert row is not None  # noqa: S101 - an aggregate always has a row
        return await self._with_counted(_stored(ledger, row, model, rhythm), model)

    async def load_due(
        self,
        batch: MicroBatch,
        model: SegmentModel | None,
        watermark: int,
        limit: int,
        start: int,
        rhythm: ActiveRhythm | None = None,
    ) -> StoredState:
        """At most ``limit`` customers whose decay is due by a watermark, and whom a batch does not touch.

        Their next changes are the first ones from ``start`` on.
        """
        statements = sql if rhythm is None else risk_statements
        return await self._load_slice(
            statements.DUE_PROFILES, self._due(batch, watermark, limit, start, rhythm), model, rhythm
        )

    async def load_due_by_risk(
        self,
        batch: MicroBatch,
        model: SegmentModel | None,
        watermark: int,
        limit: int,
        start: int,
        rhythm: ActiveRhythm,
    ) -> StoredState:
        """The same for customers whose next risk state is due."""
        parameters = self._due(batch, watermark, limit, start, rhythm)
        return await self._load_slice(risk_statements.DUE_BY_RISK_PROFILES, parameters, model, rhythm)

    async def has_activated(self, batch: MicroBatch) -> bool:
        """Whether the activation at the end of a batch has been applied before, from an earlier reading of the log."""
        async with self._connection.transaction():
            query = await self._connection.execute(sql.ACTIVATED, sql_values.activation(self._partition, batch))
            row = await query.fetchone()
        return row is not None and row[0] > 0

    async def save(
        self,
        batch: MicroBatch,
        result: AppliedBatch,
        changes: list[ChangeRow],
        progress: PartitionProgress,
        published_position: int,
        risk_changes: Sequence[RiskRow] = (),
        risk_published_position: int | None = None,
    ) -> PartitionProgress:
        """Steps 6 to 8 (ticks, step 7): write an applied batch and its changes and advance the partition, or nothing.

        Raises
        ------
        FencedError
            If another worker has claimed the partition, or a stored offset or position is not the expected one.
        """
        forgotten = self.forgotten_customers
        forgets = batch.erased is not None and batch.erased not in forgotten
        last_position = progress.change_position + len(changes) + forgets
        after = replace(
            _advanced(progress, batch, result),
            change_position=last_position,
            published_position=published_position,
            risk_position=progress.risk_position + len(risk_changes),
            risk_published_position=progress.risk_published_position
            if risk_published_position is None
            else risk_published_position,
        )
        async with self._connection.pipeline():
            # Step 6: write.
            for statement, rows in zip((sql.ADD_TRANSACTIONS, sql.REVISE), ledger_rows(batch, result), strict=True):
                if rows:
                    await self._cursor.execute(statement, sql_values.ledger(batch, rows))
            if len(result.profiles):
                self._next_due.saving(result.profiles.next_change_at)
                await self._cursor.execute(sql.SAVE_PROFILES, sql_values.profiles(result, progress))
            if changes:
                await self._cursor.execute(sql.ADD_CHANGES, sql_values.changes(changes, progress))
            if result.risk is not None and len(result.risk.rows):
                self._next_due.saving(result.risk.rows.next_at)
                await self._cursor.execute(risk_statements.SAVE_RISKS, sql_values.risks(result.risk, progress))
            if risk_changes:
                added = sql_values.risk_changes(risk_changes, progress)
                await self._cursor.execute(risk_statements.ADD_RISK_CHANGES, added)
            for letter in result.dead_letters:
                source = {"log_id": progress.log_id, "partition": progress.partition}
                await self._cursor.execute(sql.ADD_DEAD_LETTER, asdict(letter) | source)
            if batch.model is not None:
                # Rescoring, step 3.
                await self._cursor.execute(sql.ADD_MODEL, [batch.model.version, to_json(batch.model).decode()])
                await self._cursor.execute(sql.ADD_ACTIVATION, sql_values.activation(self._partition, batch))
                if result.watermark != LONG_AGO:
                    period = {"partition": progress.partition, "until": sql_values.moment(result.watermark)}
                    await self._cursor.execute(sql.ADD_MODEL_PERIOD, period)
            if batch.erased is not None:
                # Also a repeated erasure deletes dead letters that have come since; its tombstone is published already.
                erasure = {"customer": batch.erased, "hash": forgotten.hash(batch.erased), "position": last_position}
                await self._cursor.execute(sql.ERASE, erasure | {"partition": progress.partition})
            # Step 7: advance the progress row.
            if published_position > progress.published_position:
                published = {"partition": progress.partition, "position": published_position}
                await self._cursor.execute(sql.CLEAR_TOMBSTONES, published)
            await self._cursor.execute(sql.ADVANCE, sql_values.progress(progress, after, result))
        if self._cursor.rowcount != 1:
            await self._connection.rollback()
            raise FencedError(f"partition {self._partition} was claimed by another worker")
        # Step 8: commit.
        await self._connection.commit()
        if forgets and batch.erased is not None:
            forgotten.hashes.add(forgotten.hash(batch.erased))
        return after

    async def load_outdated(
        self, model: SegmentModel, limit: int, after: str = "", rhythm: ActiveRhythm | None = None
    ) -> StoredState:
        """At most ``limit`` customers of the partition under an older model, those with the next greater customer ids.

        An older rhythm model counts as well, and so does none if the active model carries one. Continuing from id to id
        reads the table once for all chunks; starting over would read it once for each.
        """
        parameters = {"partition": self._partition, "model_version": model.version, "limit": limit, "after": after}
        statements = sql if rhythm is None else risk_statements
        return await self._load_slice(statements.OUTDATED_PROFILES, parameters | _rhythm_version(rhythm), model, rhythm)

    async def _load_slice(
        self, query: str, parameters: dict[str, Any], model: SegmentModel | None, rhythm: ActiveRhythm | None
    ) -> StoredState:
        async with self._connection.transaction():
            await self._cursor.execute(query, parameters)
            row = await self._cursor.fetchone()
        return await self._with_counted(_stored({}, row, model, rhythm), model)

    async def _with_counted(self, stored: StoredState, model: SegmentModel | None) -> StoredState:
        """Also what is in the window of the model; a model without one needs nothing more.

        Between this and the profiles nothing changes: only the owner of a partition writes its customers.
        """
        if model is None or model.window_days is None:
            return stored
        profiles, columns = stored.profiles, None
        if len(profiles):
            after = profiles.last_event_at - model.window_days * MICROS_PER_DAY
            asked = {"customer": sql_values.text(profiles.customer_id), "after": moments(after)}
            async with self._connection.transaction():
                await self._cursor.execute(sql.COUNTED, asked)
                columns = await self._cursor.fetchone()
        return replace(stored, counted=_counted(columns, model.window_days))

    def _due(
        self, batch: MicroBatch, watermark: int, limit: int, start: int, rhythm: ActiveRhythm | None
    ) -> dict[str, Any]:
        return _rhythm_version(rhythm) | {
            "customer": sql_values.text(dict.fromkeys(batch.customer_id)),
            "partition": self._partition,
            "watermark": sql_values.moment(watermark),
            "limit": limit,
            "start": sql_values.moment(start),
        }


def _rhythm_version(rhythm: ActiveRhythm | None) -> dict[str, Any]:
    return {} if rhythm is None else {"rhythm_version": rhythm.version}


def _stored(
    ledger: dict[LedgerKey, LedgerContent],
    row: tuple[Any, ...] | None,
    model: SegmentModel | None,
    rhythm: ActiveRhythm | None,
) -> StoredState:
    segments = SegmentNames(model)
    if row is None or row[0] is None:
        risk = None if rhythm is None else StoredRisk(rhythm, Risks.none(0))
        return StoredState(ledger, Profiles.new([]), segments, np.empty(0, dtype=np.int64), [], risk)

    def numbers(segment_ids: list[str | None]) -> Ints:
        return np.array([segments.number(segment_id) for segment_id in segment_ids], dtype=np.int64)

    count = len(PROFILE_COLUMNS)
    partition, model_version = row[count : count + 2]
    profiles = Profiles(*row[:count])
    profiles = replace(profiles, segment=numbers(row[8]), next_segment=numbers(row[12]))
    risk = None
    if rhythm is not None:
        state, since, sequence, next_at, current = row[count + 2 :]
        risk = StoredRisk(rhythm, Risks(state, since, sequence, next_at, current == 1))
    return StoredState(ledger, profiles, segments, partition, model_version, risk)


def _counted(columns: tuple[Any, ...] | None, window_days: int) -> CountedTransactions:
    nothing = np.empty(0, dtype=np.int64)
    found = [nothing if column is None else column for column in columns or [None] * 4]
    customer, occurred_at, is_sale, amount = found
    in_ledger, one = np.full(len(customer), NO_RECORD), np.ones(len(customer), dtype=np.int64)
    return CountedTransactions.of(window_days, customer, in_ledger, occurred_at, one, is_sale, amount)


def _advanced(progress: PartitionProgress, batch: MicroBatch, result: AppliedBatch) -> PartitionProgress:
    """The progress after a batch, but for positions."""
    activated, last = batch.model is not None, batch.last_record
    return replace(
        progress,
        next_offset=batch.next_offset,
        watermark=result.watermark,
        model_version=batch.model.version if batch.model is not None else progress.model_version,
        model_since=result.watermark if activated else progress.model_since,
        last_record=progress.last_record
        if last is None
        else fingerprint(last.offset, last.timestamp or 0, last.key, last.value),
        control_number=max(progress.control_number, batch.control_number),
    )
