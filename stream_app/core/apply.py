"""One step of the processor: a decoded batch and what is stored, to what is to be stored. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from models.segment_model import SegmentModel
from models.units import Ints
from stream_app.core.columns import Changes, Outcome, Profiles, Records, SegmentNames
from stream_app.core.decode import DeadLetter, MicroBatch
from stream_app.core.transition import apply_records, rescore

LedgerKey = tuple[str, str]
LedgerContent = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """Where a partition stands: the next offset of which log, event time, the model in force and since when.

    Times are microseconds, ``LONG_AGO`` before the first tick. ``change_position`` numbers the partition's changes,
    ``published_position`` is the last that is known to be in the change topic.
    """

    partition: int
    log_id: str
    next_offset: int
    epoch: int
    event_time: int
    model_version: str
    model_since: int
    change_position: int
    published_position: int


@dataclass(frozen=True, slots=True)
class StoredState:
    """What the ledger and the profiles hold of a batch.

    ``ledger`` has the content (occurred_at, kind, amount) of the batch's transactions that are known already, by
    customer and transaction id. ``profiles`` are the customers that the batch touches or that decay by its newest
    tick; ``segments`` numbers their segments; ``partition`` and ``model_version`` go with their rows.
    """

    ledger: Mapping[LedgerKey, LedgerContent]
    profiles: Profiles
    segments: SegmentNames
    partition: Ints
    model_version: list[str]


@dataclass(frozen=True, slots=True)
class AppliedBatch:
    """What one batch adds. ``applied`` are the rows of the batch that count, ``changes.record`` indexes them."""

    applied: list[int]
    profiles: Profiles
    changes: Changes
    segments: SegmentNames
    dead_letters: list[DeadLetter]
    duplicates: int
    late: int
    until: int


def apply_batch(
    batch: MicroBatch,
    stored: StoredState,
    model: SegmentModel,
    progress: PartitionProgress,
    partition_of: Callable[[str], int],
) -> AppliedBatch:
    """Apply a batch to what is stored.

    Parameters
    ----------
    model
        The model in force on the partition; customers still under an older one are rescored first.
    partition_of
        Where a customer's key belongs; asked for newcomers only.
    """
    applied, dead_letters, duplicates = _admitted(batch, stored, progress.partition, partition_of)
    rows = {customer_id: row for row, customer_id in enumerate(stored.profiles.customer_id)}
    newcomers = list(dict.fromkeys(c for i in applied if (c := batch.customer_id[i]) not in rows))
    rows |= {customer_id: row for row, customer_id in enumerate(newcomers, len(rows))}
    before = stored.profiles.joined(Profiles.newcomers(newcomers))
    for i in applied:
        before.country[rows[batch.customer_id[i]]] = batch.country[i]

    outdated = [row for row, version in enumerate(stored.model_version) if version != progress.model_version]
    upgraded = _upgraded(model, before, np.array(outdated, dtype=np.int64), progress.model_since)
    until = max(batch.until, progress.event_time)
    records = _records(batch, applied, rows, progress.event_time)
    folded = apply_records(model, upgraded.profiles, records, until)
    changes = upgraded.changes.joined(folded.changes)

    touched = np.zeros(len(before), dtype=bool)
    for moved in (records.customer, changes.customer, outdated):
        touched[moved] = True
    dirty = np.flatnonzero(touched)
    return AppliedBatch(
        applied=applied,
        profiles=folded.profiles.taken(dirty),
        changes=replace(changes, customer=np.searchsorted(dirty, changes.customer)),
        segments=stored.segments,
        dead_letters=dead_letters,
        duplicates=duplicates,
        late=folded.late,
        until=until,
    )


def _admitted(
    batch: MicroBatch, stored: StoredState, partition: int, partition_of: Callable[[str], int]
) -> tuple[list[int], list[DeadLetter], int]:
    """Rows of the batch that count, records that contradict what is known, and how many were known already."""
    homes = dict(zip(stored.profiles.customer_id, stored.partition.tolist(), strict=True))
    seen = dict(stored.ledger)
    applied, dead_letters, duplicates = [], list(batch.dead_letters), 0
    contents = zip(batch.occurred_at, batch.kind, batch.amount, strict=True)
    for i, (customer_id, content) in enumerate(zip(batch.customer_id, contents, strict=True)):
        key = (customer_id, batch.transaction_id[i])
        known = seen.setdefault(key, content)
        if known is not content:
            if known == content:
                duplicates += 1
            else:
                dead_letters.append(
                    DeadLetter.of(batch.record[i], "a transaction with this id but other content is known")
                )
            continue
        home = homes.get(customer_id)
        if home is None:
            home = homes[customer_id] = partition_of(customer_id)
        if home == partition:
            applied.append(i)
        else:
            del seen[key]
            reason = f"the customer belongs to partition {home}: is the producer's partitioner murmur2_random?"
            dead_letters.append(DeadLetter.of(batch.record[i], reason))
    return applied, dead_letters, duplicates


def _upgraded(model: SegmentModel, before: Profiles, outdated: Ints, since: int) -> Outcome:
    """The customers with those of the outdated rows put under the model."""
    if not len(outdated):
        return Outcome(before, Changes.none())
    outcome = rescore(model, before.taken(outdated), since)
    changed = ("segment", "segment_since", "sequence", "next_change_at", "next_segment")
    columns = {name: getattr(before, name).copy() for name in changed}
    for name, column in columns.items():
        column[outdated] = getattr(outcome.profiles, name)
    return Outcome(replace(before, **columns), replace(outcome.changes, customer=outdated[outcome.changes.customer]))


def _records(batch: MicroBatch, applied: list[int], rows: dict[str, int], event_time: int) -> Records:
    if not applied:
        return Records.none()

    def column(values: list[int]) -> Ints:
        return np.array(values, dtype=np.int64)[applied]

    return Records(
        customer=np.array([rows[batch.customer_id[i]] for i in applied], dtype=np.int64),
        occurred_at=column(batch.occurred_at),
        is_sale=np.array([kind == "sale" for kind in batch.kind], dtype=np.int64)[applied],
        amount=column(batch.amount),
        tick=np.maximum(column(batch.tick), event_time),
    )
