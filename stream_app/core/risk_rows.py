"""Unit of work, step 5: the risk changes of a micro-batch as rows, numbered for the partition's outbox. Pure."""

from collections.abc import Iterable
from itertools import repeat
from typing import Any

from data.contract.risk_row import RiskRow
from models.decay import NEVER
from models.rhythm.risk import NO_STATE, RISK_STATES
from models.units import Ints
from stream_app.core.apply import AppliedBatch, PartitionProgress
from stream_app.core.columns import LONG_AGO, NO_RECORD
from stream_app.core.decode import MicroBatch
from stream_app.core.risk_columns import RiskCause

_NAMES: dict[int, str | None] = {NO_STATE: None, **dict(enumerate(RISK_STATES))}
_CAUSES = [cause.word for cause in RiskCause]


def risk_rows(batch: MicroBatch, result: AppliedBatch, progress: PartitionProgress) -> list[RiskRow]:
    """The risk changes of an applied batch; their positions follow the partition's last one.

    A customer whom the batch erases has none.
    """
    if result.risk is None:
        return []
    changes, customers = result.risk.changes, result.risk.customer_id
    transactions = [batch.transaction_id[row] for row in result.applied]
    first = progress.risk_position + 1
    columns: dict[str, Iterable[Any]] = {
        "position": range(first, first + len(changes)),
        "customer_id": [customers[row] for row in changes.customer.tolist()],
        "sequence": changes.sequence.tolist(),
        "from_state": map(_NAMES.__getitem__, changes.from_state.tolist()),
        "to_state": map(_NAMES.__getitem__, changes.to_state.tolist()),
        "cause": [_CAUSES[number] for number in changes.cause.tolist()],
        "effective_at": changes.effective_at.tolist(),
        "frequency": changes.frequency.tolist(),
        "last_purchase_at": _or_none(changes.last_purchase_at, LONG_AGO),
        "next_state": map(_NAMES.__getitem__, changes.next_state.tolist()),
        "next_at": _or_none(changes.next_at, NEVER),
        "rhythm_version": repeat(result.risk.rhythm.version, len(changes)),
        "transaction_id": [None if row == NO_RECORD else transactions[row] for row in changes.record.tolist()],
    }
    rows = list(map(RiskRow._make, zip(*(columns[name] for name in RiskRow._fields), strict=True)))
    if batch.erased is None:
        return rows
    kept = (row for row in rows if row.customer_id != batch.erased)
    return [row._replace(position=position) for position, row in enumerate(kept, first)]


def _or_none(moments: Ints, missing: int) -> list[int | None]:
    return [None if moment == missing else moment for moment in moments.tolist()]
