"""Segment changes row by row: as they are stored, and as events for the services that subscribe."""

from data.contract.change_row import ChangeRow
from stream_app.core.apply import AppliedBatch, PartitionProgress
from stream_app.core.columns import NO_RECORD, Cause
from stream_app.core.decode import MicroBatch


def change_rows(batch: MicroBatch, step: AppliedBatch, progress: PartitionProgress) -> list[ChangeRow]:
    """The changes of a step, numbered on from where the partition stands."""
    changes, name = step.changes, step.segments.id
    causes = {cause.value: cause.word for cause in Cause}
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
        changes.record.tolist(),
        strict=True,
    )
    return [
        ChangeRow(
            position=position,
            customer_id=step.profiles.customer_id[customer],
            sequence=sequence,
            from_segment=name(came_from),
            to_segment=name(to) or "",
            cause=causes[cause],
            effective_at=effective_at,
            recency_days=recency_days,
            frequency=frequency,
            monetary=monetary,
            model_version=progress.model_version,
            transaction_id=None if record == NO_RECORD else batch.transaction_id[step.applied[record]],
        )
        for position, (
            customer,
            sequence,
            came_from,
            to,
            cause,
            effective_at,
            recency_days,
            frequency,
            monetary,
            record,
        ) in enumerate(columns, progress.change_position + 1)
    ]
