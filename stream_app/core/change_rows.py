"""Unit of work, step 5: the changes of a micro-batch as rows, numbered for the partition's outbox. Pure."""

from collections.abc import Iterable
from itertools import repeat
from typing import Any

from data.contract.change_row import ChangeRow
from stream_app.core.apply import AppliedBatch, PartitionProgress
from stream_app.core.columns import NO_RECORD, Cause
from stream_app.core.decode import MicroBatch


def change_rows(batch: MicroBatch, result: AppliedBatch, progress: PartitionProgress) -> list[ChangeRow]:
    """The changes of an applied batch; their positions follow the partition's last one.

    A customer whom the batch erases has none.
    """
    changes, segment_id = result.changes, result.segments.id
    customers, causes = result.profiles.customer_id, [cause.word for cause in Cause]
    transactions = [batch.transaction_id[row] for row in result.applied]
    first = progress.change_position + 1
    columns: dict[str, Iterable[Any]] = {
        "position": range(first, first + len(changes)),
        "customer_id": [customers[row] for row in changes.customer.tolist()],
        "sequence": changes.sequence.tolist(),
        "from_segment": map(segment_id, changes.from_segment.tolist()),
        "to_segment": [segment_id(number) or "" for number in changes.to_segment.tolist()],
        "cause": [causes[number] for number in changes.cause.tolist()],
        "effective_at": changes.effective_at.tolist(),
        "recency_days": changes.recency_days.tolist(),
        "frequency": changes.frequency.tolist(),
        "monetary": changes.monetary.tolist(),
        "model_version": repeat(progress.model_version or "", len(changes)),
        "transaction_id": [None if row == NO_RECORD else transactions[row] for row in changes.record.tolist()],
        "gross": changes.gross.tolist(),
        "returned": changes.returned.tolist(),
    }
    rows = list(map(ChangeRow._make, zip(*(columns[name] for name in ChangeRow._fields), strict=True)))
    if batch.erased is None:
        return rows
    kept = (row for row in rows if row.customer_id != batch.erased)
    return [row._replace(position=position) for position, row in enumerate(kept, first)]
