"""Unit of work, steps 3 and 4: from a micro-batch and the stored state to the state to be stored. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.segment_model import SegmentModel
from models.units import Ints
from runtime.record_fingerprint import RecordFingerprint
from stream_app.core.columns import Cause, Profiles, Records, SegmentChanges, SegmentNames, TransitionOutcome
from stream_app.core.counted import CountedTransactions
from stream_app.core.decode import DeadLetter, MicroBatch
from stream_app.core.deduplicate import Admission, LedgerContent, LedgerKey, Totals, admit, may_exceed
from stream_app.core.revisions import effects
from stream_app.core.risk import apply_risk
from stream_app.core.risk_columns import AppliedRisk, RiskOutcome, Risks, StoredRisk
from stream_app.core.states import unfold
from stream_app.core.transition import apply_states, rescore

#: The cause of a change that a transaction of a kind causes.
CAUSES = {"sale": Cause.PURCHASE.value, "return": Cause.RETURN.value, "cancelled": Cause.REVISION.value}


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """The progress of a partition: its log, next offset, fencing epoch, watermark and active model.

    ``model_version`` is None until the partition has a model. ``began_without_model`` says that the partition has
    applied records before it had one: only the log can give it its first model then. ``watermark`` and ``model_since``
    (the watermark at which the model became active) are microseconds, ``LONG_AGO`` before the first tick.
    ``change_position`` is the position of the partition's last change, ``published_position`` that of the last change
    that is known to be in the change topic. ``last_record`` is the last applied record, and ``control_number`` the
    number of the newest signed model. ``risk_position`` and ``risk_published_position`` are those of risk changes,
    which are numbered by themselves; 0 means that no customer has a risk row.
    """

    partition: int
    log_id: str
    next_offset: int
    epoch: int
    watermark: int
    model_version: str | None
    model_since: int
    change_position: int
    published_position: int
    last_record: RecordFingerprint | None = None
    control_number: int = 0
    began_without_model: bool = False
    risk_position: int = 0
    risk_published_position: int = 0


@dataclass(frozen=True, slots=True)
class StoredState:
    """The part of the ledger and of the profiles that a micro-batch needs.

    ``ledger`` has the content of the batch's transactions that were applied before, and all transactions of customers
    of whom the batch has revisions. ``profiles`` are the customers of the batch's transactions and those who decay by
    its watermark; ``segments`` numbers their segments, and ``partition`` and ``model_version`` have one entry for each
    profile. ``risk`` is None in a partition without risk states, and ``counted`` is None if the model has no window;
    else it has the transactions of the profiles that expire after the customer's last event.
    """

    ledger: Mapping[LedgerKey, LedgerContent]
    profiles: Profiles
    segments: SegmentNames
    partition: Ints
    model_version: list[str | None]
    risk: StoredRisk | None = None
    counted: CountedTransactions | None = None


@dataclass(frozen=True, slots=True)
class AppliedBatch:
    """The effect of one micro-batch.

    ``applied`` are the rows of the batch that count, and ``changes.record`` indexes them; ``revised`` are those of them
    that replace another revision. ``profiles`` are the customers to be stored. ``watermark`` is the partition's
    watermark after the batch. ``forgotten`` is the number of dropped records of forgotten customers. ``risk`` is None
    in a partition without risk states.
    """

    applied: list[int]
    profiles: Profiles
    changes: SegmentChanges
    segments: SegmentNames
    dead_letters: list[DeadLetter]
    duplicates: int
    late: int
    watermark: int
    forgotten: int = 0
    revised: frozenset[int] = frozenset()
    risk: AppliedRisk | None = None


def apply_batch(
    batch: MicroBatch,
    stored: StoredState,
    model: SegmentModel | None,
    progress: PartitionProgress,
    partition_of: Callable[[str], int],
) -> AppliedBatch:
    """Apply a micro-batch to the stored state.

    Parameters
    ----------
    model
        The active model of the partition; customers under an older model, or none, are rescored first. Without a
        model, profiles are kept, and no customer has a segment.
    partition_of
        The partition of a customer id; called for new customers only.
    """
    # Step 3: deduplicate.
    partition_by_customer = dict(zip(stored.profiles.customer_id, stored.partition.tolist(), strict=True))
    totals = _totals_near_a_limit(batch, stored.profiles)
    admission = admit(batch, stored.ledger, partition_by_customer, progress.partition, partition_of, totals)
    applied = admission.applied
    before, rows = _with_new_customers(batch, applied, stored.profiles)

    # Step 4: decide the segments.
    outdated = [row for row, version in enumerate(stored.model_version) if version != progress.model_version]
    counted = None
    if model is not None and model.window_days is not None:
        assert stored.counted is not None  # noqa: S101 - without it, customers would be scored by their whole life
        counted = stored.counted.concat(_counted(batch, admission, rows, model.window_days))
    rescored = _rescore_rows(model, before, np.array(outdated, dtype=np.int64), progress.model_since, counted)
    watermark = max(batch.watermark, progress.watermark)
    records = _records(batch, admission, stored.ledger, rows, progress.watermark)
    states = unfold(rescored.profiles, records, watermark)
    outcome = apply_states(model, rescored.profiles, records, states, watermark, counted)
    risk = None
    if stored.risk is not None:
        known = stored.risk.rows.concat(Risks.none(len(before) - len(stored.profiles)))
        found = apply_risk(stored.risk.rhythm, known, rescored.profiles, states, progress.model_since)
        risk = _to_store(stored.risk, known, found, before.customer_id)

    touched = np.zeros(len(before), dtype=bool)
    for customers in (records.customer, rescored.changes.customer, outcome.changes.customer, outdated):
        touched[customers] = True
    # An expiry that was to change a segment is scored again at its moment. Should a worker with another rounding have
    # stored it in vain, the customer would be due forever.
    touched |= outcome.profiles.next_change_at != rescored.profiles.next_change_at
    to_store, place = _by_id(touched, before.customer_id)
    return AppliedBatch(
        applied=applied,
        profiles=outcome.profiles.select(to_store),
        changes=rescored.changes.at(place).merge(outcome.changes.at(place)),
        segments=stored.segments,
        dead_letters=admission.dead_letters,
        duplicates=admission.duplicates,
        late=outcome.late,
        watermark=watermark,
        forgotten=batch.forgotten,
        revised=frozenset(admission.replaced),
        risk=risk,
    )


def _to_store(stored: StoredRisk, before: Risks, found: RiskOutcome, customer_id: list[str]) -> AppliedRisk:
    """The risk rows that differ from the stored ones; a customer whose silence goes on has one, and no new profile."""
    rows = found.rows
    differs = (rows.sequence != before.sequence) | (rows.next_at != before.next_at) | (rows.current != before.current)
    to_store, place = _by_id(differs, customer_id)
    ids = [customer_id[row] for row in to_store.tolist()]
    return AppliedRisk(stored.rhythm, ids, rows.select(to_store), found.changes.at(place))


def _by_id(touched: NDArray[np.bool_], customer_id: list[str]) -> tuple[Ints, Ints]:
    """The touched rows in the order of customer ids, and the place of each row among them.

    Postgres then writes neighbours in its indexes one after the other, which is faster. The order is that of the key:
    by code points.
    """
    rows = np.array(sorted(np.flatnonzero(touched).tolist(), key=customer_id.__getitem__), dtype=np.int64)
    place = np.zeros(len(touched), dtype=np.int64)
    place[rows] = np.arange(len(rows))
    return rows, place


def _totals_near_a_limit(batch: MicroBatch, profiles: Profiles) -> dict[str, Totals] | None:
    """The totals of all stored customers if a customer could exceed a limit in this batch; None otherwise."""
    columns = (profiles.frequency, profiles.gross, profiles.returned)
    frequency, gross, returned = (int(column.max(initial=0)) for column in columns)
    if not may_exceed(batch, (frequency, gross, returned)):
        return None
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return dict(zip(profiles.customer_id, rows, strict=True))


def _with_new_customers(batch: MicroBatch, applied: list[int], stored: Profiles) -> tuple[Profiles, dict[str, int]]:
    """All customers of the batch, countries updated, and the row of each by customer id."""
    rows = {customer_id: row for row, customer_id in enumerate(stored.customer_id)}
    new = list(dict.fromkeys(c for i in applied if (c := batch.customer_id[i]) not in rows))
    rows |= {customer_id: row for row, customer_id in enumerate(new, len(rows))}
    profiles = stored.concat(Profiles.new(new))
    for i in applied:
        profiles.country[rows[batch.customer_id[i]]] = batch.country[i]
    return profiles, rows


def _rescore_rows(
    model: SegmentModel | None, before: Profiles, rows: Ints, since: int, counted: CountedTransactions | None
) -> TransitionOutcome:
    """Rescoring, step 5: all customers, those of some rows rescored with the model."""
    if model is None or not len(rows):
        return TransitionOutcome(before, SegmentChanges.empty())
    outcome = rescore(model, before.select(rows), since, None if counted is None else counted.in_ledger(rows))
    changed = ("segment", "segment_since", "sequence", "next_change_at", "next_segment")
    columns = {name: getattr(before, name).copy() for name in changed}
    for name, column in columns.items():
        column[rows] = getattr(outcome.profiles, name)
    return TransitionOutcome(
        replace(before, **columns), replace(outcome.changes, customer=rows[outcome.changes.customer])
    )


def _counted(batch: MicroBatch, admission: Admission, rows: dict[str, int], window_days: int) -> CountedTransactions:
    """What the rows of the batch that count bring into the window, and what their revisions take out of it."""
    found = []
    for at, i in enumerate(admission.applied):
        customer, old = rows[batch.customer_id[i]], admission.replaced.get(i)
        if batch.kind[i] != "cancelled":
            found.append((customer, at, batch.occurred_at[i], 1, batch.kind[i] == "sale", batch.amount[i]))
        if old is not None and old.kind != "cancelled":
            found.append((customer, at, old.occurred_at, -1, old.kind == "sale", old.amount))
    return CountedTransactions.of(window_days, *np.array(found, dtype=np.int64).reshape(-1, 6).T)


def _records(
    batch: MicroBatch,
    admission: Admission,
    ledger: Mapping[LedgerKey, LedgerContent],
    rows: dict[str, int],
    watermark: int,
) -> Records:
    """The rows of the batch that count; ``watermark`` is the partition's watermark before the batch."""
    applied, replaced = admission.applied, admission.replaced
    if not applied:
        return Records.empty()

    def column(values: list[int]) -> Ints:
        return np.array(values, dtype=np.int64)[applied]

    records = Records.of(
        customer=np.array([rows[batch.customer_id[i]] for i in applied], dtype=np.int64),
        occurred_at=column(batch.occurred_at),
        amount=column(batch.amount),
        cause=column([CAUSES[kind] for kind in batch.kind]),
        watermark=np.maximum(column(batch.watermark_before), watermark),
    )
    for at, effect in effects(batch, applied, replaced, ledger).items():
        records.purchases[at], records.gross[at], records.returned[at] = effect[:3]
        records.first_purchase_at[at], records.last_purchase_at[at] = effect[3:]
        records.cause[at], records.revises[at] = Cause.REVISION.value, 1
    return records
