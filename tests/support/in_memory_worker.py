"""A worker in memory: the real core, with dictionaries in place of Postgres."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from data.contract.change_row import ChangeRow
from data.contract.risk_row import RiskRow
from data.contract.wire import Erasure, ModelActivation, Tick, Transaction
from data.kafka.partitioner import partition_of
from models.decay import NEVER
from models.rhythm.carried import rhythm_of
from models.rhythm.risk import NO_STATE, RISK_STATES
from models.segment_model import SegmentModel
from models.units import MICROS_PER_DAY, Ints
from stream_app.core.apply import AppliedBatch, PartitionProgress, StoredState, apply_batch
from stream_app.core.change_rows import change_rows
from stream_app.core.columns import LONG_AGO, NO_RECORD, PROFILE_COLUMNS, Profiles, SegmentNames
from stream_app.core.counted import CountedTransactions
from stream_app.core.decode import DeadLetter, MicroBatch, decode
from stream_app.core.deduplicate import LedgerContent, LedgerKey
from stream_app.core.due import apply_without_records, no_records
from stream_app.core.erasure import without_foreign_erasure, without_forgotten
from stream_app.core.revisions import revising_customers
from stream_app.core.risk_columns import ActiveRhythm, AppliedRisk, Risks, StoredRisk
from stream_app.core.risk_rows import risk_rows

Message = Transaction | Tick | ModelActivation | Erasure


@dataclass
class Record:
    """A record of the log."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()


def logs(messages: Iterable[Message], partitions: int) -> list[list[Record]]:
    """The log of each partition: transactions by key, other records in every partition."""
    result: list[list[Record]] = [[] for _ in range(partitions)]
    for message in messages:
        value = msgspec.json.encode(message)
        if isinstance(message, Transaction | Erasure):
            log = result[partition_of(message.customer_id, partitions)]
            log.append(Record(len(log), message.customer_id.encode(), value))
        else:
            for log in result:
                log.append(Record(len(log), None, value))
    return result


@dataclass
class InMemoryPartition:
    """The store of one partition: a profile for each customer, the ledger, and all changes."""

    #: None for a partition that begins without a model.
    model: SegmentModel | None
    partition: int = 0
    partitions: int = 1
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    ledger: dict[LedgerKey, LedgerContent] = field(default_factory=dict)
    changes: list[ChangeRow] = field(default_factory=list)
    #: Risk rows by customer id.
    risks: dict[str, dict[str, Any]] = field(default_factory=dict)
    risk_changes: list[RiskRow] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    duplicates: int = 0
    revisions: int = 0
    late: int = 0
    forgotten: set[str] = field(default_factory=set)
    dropped: int = 0
    #: Model periods that are over: version, since, until.
    periods: list[tuple[str, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        version = None if self.model is None else self.model.version
        self.models = {version: self.model}
        self.progress = PartitionProgress(self.partition, "log", 0, 1, LONG_AGO, version, LONG_AGO, 0, 0)

    def run(
        self, records: Sequence[Record], cuts: Iterable[int] = (), chunk: int = 1_000_000, dying: Iterable[int] = ()
    ) -> "InMemoryPartition":
        """Apply a log cut into batches at some places.

        Outdated customers are rescored, and due decay is fired, ``chunk`` customers at a time. Before each batch a
        worker with other batches, which end at ``dying``, has died after some slices of due decay.
        """
        ends = sorted(set(dying))
        for start, stop in pairwise([0, *sorted(set(cuts)), len(records)]):
            for batch in decode(records[start:stop], "GBP") if stop > start else []:
                end = next((end for end in ends if end > batch.first_offset), None)
                if end is not None:
                    self._die_between_slices(decode(records[batch.first_offset : end], "GBP")[0], chunk, end % 3)
                self.apply(batch, chunk)
                if batch.model is not None:
                    self._rescore_some(chunk)
        while self._rescore_some(chunk):
            pass
        return self

    def apply(self, batch: MicroBatch, chunk: int = 1_000_000) -> None:
        """What the partition task and the unit of work do, on dictionaries."""
        batch = without_forgotten(batch, self.forgotten.__contains__)
        batch = without_foreign_erasure(batch, self.partition, partial(partition_of, partitions=self.partitions))
        self._rescore_before(batch)
        touched = [c for c in dict.fromkeys(batch.customer_id) if c in self.profiles]
        if len(self._due(batch)) > chunk:
            while self._fire_slice(batch, chunk):
                pass
        self._take(batch, touched + self._due(batch))
        if batch.model is not None:
            self.models[batch.model.version] = batch.model
            before = self.progress
            if before.model_version is not None and before.watermark != LONG_AGO:
                self.periods.append((before.model_version, before.model_since, before.watermark))
            self.progress = replace(
                self.progress, model_version=batch.model.version, model_since=self.progress.watermark
            )

    def _die_between_slices(self, batch: MicroBatch, chunk: int, slices: int) -> None:
        batch = without_forgotten(batch, self.forgotten.__contains__)
        self._rescore_before(batch)
        for _ in range(slices):
            self._fire_slice(batch, chunk)

    def _rescore_before(self, batch: MicroBatch) -> None:
        while batch.model is not None and self._rescore_some(1_000_000):
            pass

    def _due(self, batch: MicroBatch) -> list[str]:
        """Customers who are due and whom the batch does not touch, in the order of slices: first those of decay."""
        watermark, touched = max(batch.watermark, self.progress.watermark), set(batch.customer_id)
        due = [(0, row["next_change_at"], c) for c, row in self.profiles.items() if c not in touched]
        due += [(1, row["next_at"], c) for c, row in self.risks.items() if c not in touched]
        return list(dict.fromkeys(c for _, moment, c in sorted(due) if moment <= watermark))

    def _fire_slice(self, batch: MicroBatch, chunk: int) -> bool:
        due = self._due(batch)[:chunk]
        self._take_without_records(due, max(batch.watermark, self.progress.watermark))
        return bool(due)

    def _rescore_some(self, chunk: int) -> bool:
        if self.progress.model_version is None:
            return False
        outdated = [c for c in self.profiles if self._is_outdated(c)]
        if outdated:
            self._take_without_records(outdated[:chunk], self.progress.watermark)
        return bool(outdated)

    @property
    def _rhythm(self) -> ActiveRhythm | None:
        """The active rhythm model; None in a partition without risk states."""
        model = self.models[self.progress.model_version]
        rhythm = None if model is None else rhythm_of(model)
        return ActiveRhythm(rhythm) if rhythm is not None or self.progress.risk_position else None

    def _is_outdated(self, customer: str) -> bool:
        profile, risk, rhythm = self.profiles[customer], self.risks.get(customer), self._rhythm
        if profile["model_version"] != self.progress.model_version:
            return True
        if rhythm is None or (risk is None and not profile["frequency"]):
            return False
        return (None if risk is None else risk["rhythm_version"]) != rhythm.version

    def _take(self, batch: MicroBatch, customers: list[str]) -> None:
        stored = self._stored(batch, customers)
        active = self.models[self.progress.model_version]
        step = apply_batch(batch, stored, active, self.progress, partial(partition_of, partitions=self.partitions))
        self._keep(batch, step)

    def _take_without_records(self, customers: list[str], watermark: int) -> None:
        batch = no_records(self.progress)
        active = self.models[self.progress.model_version]
        step = apply_without_records(self._stored(batch, customers), active, self.progress, watermark)
        self._keep(batch, step)

    def _stored(self, batch: MicroBatch, customers: list[str]) -> StoredState:
        names = SegmentNames(self.models[self.progress.model_version])
        rows = [self.profiles[customer] for customer in customers]
        columns: dict[str, Any] = {name: [row[name] for row in rows] for name in PROFILE_COLUMNS}
        columns |= {name: list(map(names.number, columns[name])) for name in ("segment", "next_segment")}
        texts = ("customer_id", "country")
        columns |= {name: np.array(column, dtype=np.int64) for name, column in columns.items() if name not in texts}
        profiles = Profiles(**columns)
        keys = set(zip(batch.customer_id, batch.transaction_id, strict=True))
        if revising := set(revising_customers(batch)):
            keys.update(key for key in self.ledger if key[0] in revising)
        known = {key: self.ledger[key] for key in keys if key in self.ledger}
        versions = [row["model_version"] for row in rows]
        rhythm = self._rhythm
        risk = None if rhythm is None else StoredRisk(rhythm, self._stored_risks(rhythm, customers))
        counted = self._counted(rows)
        return StoredState(known, profiles, names, np.full(len(rows), self.partition), versions, risk, counted)

    def _counted(self, rows: list[dict[str, Any]]) -> CountedTransactions | None:
        """What expires after the last event of each customer, from the ledger; None without a window."""
        model = self.models[self.progress.model_version]
        if model is None or model.window_days is None:
            return None
        place = {row["customer_id"]: number for number, row in enumerate(rows)}
        window = model.window_days * MICROS_PER_DAY
        found = [
            (place[customer], NO_RECORD, content.occurred_at, 1, content.kind == "sale", content.amount)
            for (customer, _), content in self.ledger.items()
            if customer in place
            and content.kind != "cancelled"
            and content.occurred_at + window > rows[place[customer]]["last_event_at"]
        ]
        return CountedTransactions.of(model.window_days, *np.array(found, dtype=np.int64).reshape(-1, 6).T)

    def _stored_risks(self, rhythm: ActiveRhythm, customers: list[str]) -> Risks:
        missing = {"state": NO_STATE, "since": LONG_AGO, "sequence": 0, "next_at": NEVER, "rhythm_version": None}
        rows = [self.risks.get(customer, missing) for customer in customers]

        def column(name: str) -> Ints:
            return np.array([row[name] for row in rows], dtype=np.int64)

        current = np.array([row["rhythm_version"] == rhythm.version for row in rows], dtype=bool)
        return Risks(column("state"), column("since"), column("sequence"), column("next_at"), current)

    def _keep(self, batch: MicroBatch, step: AppliedBatch) -> None:
        self.changes += change_rows(batch, step, self.progress)
        new_risk_changes = risk_rows(batch, step, self.progress)
        self.risk_changes += new_risk_changes
        if step.risk is not None:
            self._keep_risks(step.risk)
        for i in step.applied:
            content = LedgerContent(batch.occurred_at[i], batch.kind[i], batch.amount[i], batch.revision[i])
            self.ledger[(batch.customer_id[i], batch.transaction_id[i])] = content
        for row in _rows(step.profiles):
            row |= {name: step.segments.id(row[name]) for name in ("segment", "next_segment")}
            self.profiles[row["customer_id"]] = row | {"model_version": self.progress.model_version}
        self.dead_letters += step.dead_letters
        self.dropped += step.forgotten
        if batch.erased is not None:
            self._erase(batch.erased)
        self.duplicates += step.duplicates
        self.revisions += len(step.revised)
        self.late += step.late
        self.progress = replace(
            self.progress,
            next_offset=batch.next_offset,
            watermark=step.watermark,
            change_position=self.progress.change_position + len(step.changes),
            risk_position=self.progress.risk_position + len(new_risk_changes),
        )

    def _keep_risks(self, applied: AppliedRisk) -> None:
        names = ("state", "since", "sequence", "next_at")
        columns = (getattr(applied.rows, name).tolist() for name in names)
        for customer, *values in zip(applied.customer_id, *columns, strict=True):
            row = dict(zip(names, values, strict=True))
            self.risks[customer] = row | {"rhythm_version": applied.rhythm.version}

    def _erase(self, customer: str) -> None:
        self.profiles.pop(customer, None)
        self.risks.pop(customer, None)
        self.risk_changes = [row for row in self.risk_changes if row.customer_id != customer]
        self.ledger = {key: content for key, content in self.ledger.items() if key[0] != customer}
        self.changes = [row for row in self.changes if row.customer_id != customer]
        self.dead_letters = [letter for letter in self.dead_letters if letter.key != customer.encode()]
        self.forgotten.add(customer)


def _rows(profiles: Profiles) -> Iterator[dict[str, Any]]:
    columns = [getattr(profiles, name) for name in PROFILE_COLUMNS]
    for values in zip(*(c if isinstance(c, list) else c.tolist() for c in columns), strict=True):
        yield dict(zip(PROFILE_COLUMNS, values, strict=True))


def run(
    model: SegmentModel | None,
    messages: Iterable[Message],
    partitions: int = 1,
    cuts: Iterable[int] = (),
    chunk: int = 1_000,
    dying: Iterable[int] = (),
) -> list[InMemoryPartition]:
    """Run a stream over some partitions, every one of them cut at the same offsets."""
    return [
        InMemoryPartition(model, number, partitions).run(
            records, [cut for cut in cuts if cut < len(records)], chunk, dying
        )
        for number, records in enumerate(logs(messages, partitions))
    ]


def outcome(worlds: Iterable[InMemoryPartition]) -> tuple[dict[str, Any], dict[tuple[str, int], ChangeRow]]:
    """The profiles and changes, without positions: the part that must not depend on batches and partitions."""
    profiles: dict[str, Any] = {}
    changes: dict[tuple[str, int], ChangeRow] = {}
    for world in worlds:
        profiles |= world.profiles
        changes |= {(row.customer_id, row.sequence): row._replace(position=0) for row in world.changes}
    return profiles, changes


def risk_outcome(worlds: Iterable[InMemoryPartition]) -> tuple[dict[str, Any], dict[tuple[str, int], RiskRow]]:
    """The same for risk states: rows with the names of their states, and changes without positions."""
    risks: dict[str, Any] = {}
    changes: dict[tuple[str, int], RiskRow] = {}
    for world in worlds:
        names = {NO_STATE: None, **dict(enumerate(RISK_STATES))}
        risks |= {customer: row | {"state": names[row["state"]]} for customer, row in world.risks.items()}
        changes |= {(row.customer_id, row.sequence): row._replace(position=0) for row in world.risk_changes}
    return risks, changes
