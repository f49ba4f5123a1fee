"""Parameters of the unit of work's statements: one array for each column of an applied batch."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.contract.change_row import ChangeRow
from data.contract.risk_row import RiskRow
from models.decay import NEVER
from models.units import from_micros
from runtime.record_fingerprint import RecordFingerprint
from stream_app.core.apply import AppliedBatch, PartitionProgress
from stream_app.core.columns import LONG_AGO
from stream_app.core.decode import MicroBatch
from stream_app.core.deduplicate import LedgerKey
from stream_app.core.risk_columns import AppliedRisk
from stream_app.storage import statements as sql
from stream_app.storage.arrays import moments


def text(values: Iterable[str]) -> str:
    """Texts joined with the separator, which no id contains."""
    return sql.SEPARATOR.join(values)


def _text_or_null(values: Iterable[str | None]) -> str:
    """The same; None becomes an empty text."""
    return sql.SEPARATOR.join([value or "" for value in values])


def progress(before: PartitionProgress, after: PartitionProgress, result: AppliedBatch) -> dict[str, Any]:
    """Parameters of :data:`stream_app.storage.statements.ADVANCE`."""
    return {
        **asdict(after),
        "event_time": moment(after.watermark),
        "model_since": moment(after.model_since),
        "expected_offset": before.next_offset,
        "expected_position": before.change_position,
        "expected_risk_position": before.risk_position,
        "transactions": len(result.applied) - len(result.revised),
        "duplicates": result.duplicates,
        "late": result.late,
        "dead_letters": len(result.dead_letters),
        "forgotten": result.forgotten,
        "revisions": len(result.revised),
        **last_record(after.last_record),
    }


def last_record(fingerprint: RecordFingerprint | None) -> dict[str, int | None]:
    """Parameters for the columns that hold the fingerprint of the last applied record."""
    offset, timestamp, checksum = fingerprint or (None, None, None)
    return {"last_offset": offset, "last_timestamp": timestamp, "last_checksum": checksum}


def activation(partition: int, batch: MicroBatch) -> dict[str, Any]:
    """Parameters that identify the activation at the end of a batch: its model, and its record's own timestamp."""
    assert batch.model is not None and batch.last_record is not None  # noqa: S101, PT018 - the record is the model
    at = from_micros((batch.last_record.timestamp or 0) * 1_000)
    return {"partition": partition, "model_version": batch.model.version, "activated_at": at}


def moment(micros: int) -> datetime | None:
    """A moment for Postgres; None (NULL) before the first tick."""
    return None if micros == LONG_AGO else from_micros(micros)


def ledger_rows(batch: MicroBatch, result: AppliedBatch) -> tuple[list[int], list[int]]:
    """The rows of a batch that the ledger gets: those of new transactions, and revisions of stored ones.

    Of several revisions of a transaction, only the last one counts.
    """
    if not result.revised:
        return result.applied, []
    last: dict[LedgerKey, int] = {}
    is_new: dict[LedgerKey, bool] = {}
    for i in result.applied:
        key = (batch.customer_id[i], batch.transaction_id[i])
        is_new.setdefault(key, i not in result.revised)
        last[key] = i
    return [row for key, row in last.items() if is_new[key]], [row for key, row in last.items() if not is_new[key]]


def ledger(batch: MicroBatch, applied: list[int]) -> dict[str, Any]:
    """Parameters of :data:`stream_app.storage.statements.ADD_TRANSACTIONS`, from some rows of a batch.

    They are in the order of the customers, as those of :func:`profiles` are, so that neighbours in the index follow
    each other.
    """
    applied = sorted(applied, key=batch.customer_id.__getitem__)
    return {
        "customer_id": text([batch.customer_id[i] for i in applied]),
        "transaction_id": text([batch.transaction_id[i] for i in applied]),
        "occurred_at": moments(np.array(batch.occurred_at, dtype=np.int64)[applied]),
        "kind": text([batch.kind[i] for i in applied]),
        "amount": np.array(batch.amount, dtype=np.int64)[applied],
        "country": text([batch.country[i] for i in applied]),
        "revision": np.array(batch.revision, dtype=np.int64)[applied],
    }


def profiles(result: AppliedBatch, progress: PartitionProgress) -> dict[str, Any]:
    """Parameters of :data:`stream_app.storage.statements.SAVE_PROFILES`."""
    profiles, segment_id = result.profiles, result.segments.id
    return {
        "partition": progress.partition,
        "model_version": progress.model_version,
        "customer_id": text(profiles.customer_id),
        "country": text(profiles.country),
        "first_purchase_at": moments(profiles.first_purchase_at),
        "last_purchase_at": moments(profiles.last_purchase_at),
        "last_event_at": moments(profiles.last_event_at),
        "frequency": profiles.frequency,
        "gross": profiles.gross,
        "returned": profiles.returned,
        "segment": _text_or_null(map(segment_id, profiles.segment.tolist())),
        "segment_since": moments(profiles.segment_since),
        "sequence": profiles.sequence,
        "next_change_at": moments(profiles.next_change_at),
        "next_segment": _text_or_null(map(segment_id, profiles.next_segment.tolist())),
    }


def changes(rows: list[ChangeRow], progress: PartitionProgress) -> dict[str, Any]:
    """Parameters of :data:`stream_app.storage.statements.ADD_CHANGES`.

    ``position`` is the partition's last position; the statement adds the number of the row to it.
    """
    columns = dict(zip(ChangeRow._fields, zip(*rows, strict=True), strict=True))
    texts, nullable = ("customer_id", "to_segment", "cause"), ("from_segment", "transaction_id")
    numbers = ("sequence", "effective_at", "recency_days", "frequency", "monetary", "gross", "returned")
    parameters: dict[str, Any] = {name: text(columns[name]) for name in texts}
    parameters |= {name: _text_or_null(columns[name]) for name in nullable}
    parameters |= {name: np.array(columns[name], dtype=np.int64) for name in numbers}
    parameters["effective_at"] = moments(parameters["effective_at"])
    return parameters | {
        "partition": progress.partition,
        "model_version": progress.model_version,
        "position": progress.change_position,
    }


def risks(applied: AppliedRisk, progress: PartitionProgress) -> dict[str, Any]:
    """Parameters of :data:`stream_app.storage.risk_statements.SAVE_RISKS`."""
    return {
        "partition": progress.partition,
        "rhythm_version": applied.rhythm.version,
        "customer_id": text(applied.customer_id),
        "state": applied.rows.state,
        "since": moments(applied.rows.since),
        "sequence": applied.rows.sequence,
        "next_at": moments(applied.rows.next_at),
    }


def risk_changes(rows: Sequence[RiskRow], progress: PartitionProgress) -> dict[str, Any]:
    """Parameters of :data:`stream_app.storage.risk_statements.ADD_RISK_CHANGES`, as those of :func:`changes`."""
    columns = dict(zip(RiskRow._fields, zip(*rows, strict=True), strict=True))

    def moments_or(name: str, missing: int) -> NDArray[np.datetime64]:
        return moments(np.array([missing if at is None else at for at in columns[name]], dtype=np.int64))

    nullable = ("from_state", "to_state", "next_state", "transaction_id")
    return {
        **{name: text(columns[name]) for name in ("customer_id", "cause")},
        **{name: _text_or_null(columns[name]) for name in nullable},
        **{name: np.array(columns[name], dtype=np.int64) for name in ("sequence", "frequency")},
        "effective_at": moments(np.array(columns["effective_at"], dtype=np.int64)),
        "last_purchase_at": moments_or("last_purchase_at", LONG_AGO),
        "next_at": moments_or("next_at", NEVER),
        # All changes of a unit of work are decided by the same rhythm model.
        "rhythm_version": rows[0].rhythm_version,
        "partition": progress.partition,
        "position": progress.risk_position,
    }
