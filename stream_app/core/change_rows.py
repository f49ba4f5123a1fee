"""Unit of work, step 5: the changes of a micro-batch as rows, numbered for the partition's outbox. Pure."""

from data.contract.change_row import ChangeRow
from stream_app.core.apply import AppliedBatch, PartitionProgress
from stream_app.core.columns import NO_RECORD, Cause
from stream_app.core.decode import MicroBatch


def change_rows(batch: MicroBatch, result: AppliedBatch, progress: PartitionProgress) -> list[ChangeRow]:
    """The changes of an applied batch; their positions follow the partition's last one.

    A customer whom the batch erases has none.
    """
    changes, segment_id = result.changes, result.segments.id
    causes = {cause.value: cause.word for cause in Cause}
    ids = result.profiles.customer_id
    columns = zip(
        changes.customer.tolist(),
        changes.sequence.tolist(),
        changes.from_segment.tolist(),
        changes.to_segment.tolist(),
        changes.cause.tolist(),
        changes.effective_at.tolist(),
        changes.recency_days.tolist(),
        changes.frequency.tolist(),
        changes.monetary.tolist(),
        changes.gross.tolist(),
        changes.returned.tolist(),
        changes.record.tolist(),
        strict=True,
    )
    kept = (row for row in columns if ids[row[0]] != batch.erased)
    return [
        ChangeRow(
            position=position,
            customer_id=ids[customer],
            sequence=sequence,
            from_segment=segment_id(from_segment),
            to_segment=segment_id(to_segment) or "",
            cause=causes[cause],
            effective_at=effective_at,
            recency_days=recency_days,
            frequency=frequency,
            monetary=monetary,
            model_version=progress.model_version or "",
            transaction_id=None if record == NO_RECORD else batch.transaction_id[result.applied[record]],
            gross=gross,
            returned=returned,
        )
        for position, (
            customer,
            sequence,
            from_segment,
            to_segment,
            cause,
            effective_at,
            recency_days,
            frequency,
            monetary,
            gross,
            returned,
            record,
        ) in enumerate(kept, progress.change_position + 1)
    ]
