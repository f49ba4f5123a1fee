"""Units of work without records: slices of due decay (ticks, step 3) and chunks of rescoring. Pure.

A tick may make the decay of every customer due. Slices bound what one unit of work holds in memory and commits. A slice
stores customers as they are at the watermark of the next batch. The partition's own watermark stays, since the records
of that batch that come before the tick are still to be applied.
"""

from dataclasses import replace

from models.segment_model import SegmentModel
from stream_app.core.apply import AppliedBatch, PartitionProgress, StoredState, apply_batch
from stream_app.core.decode import MicroBatch


def untouched(batch: MicroBatch, stored: StoredState) -> int:
    """The number of stored customers of whom the batch has no transaction."""
    return len(set(stored.profiles.customer_id).difference(batch.customer_id))


def no_records(progress: PartitionProgress) -> MicroBatch:
    """A micro-batch that leaves the next offset and the watermark as they are."""
    return MicroBatch(progress.next_offset, progress.next_offset)


def apply_without_records(
    stored: StoredState, model: SegmentModel | None, progress: PartitionProgress, watermark: int
) -> AppliedBatch:
    """Rescore customers who are under an older model, then fire the decay of all up to a watermark.

    Parameters
    ----------
    stored
        Customers of whom the next batch has no transaction, unless ``watermark`` is the partition's own one.
    watermark
        In microseconds, at least the partition's own one. The result has the partition's own watermark.
    """
    until_watermark = replace(no_records(progress), watermark=watermark)
    result = apply_batch(until_watermark, stored, model, progress, lambda _: progress.partition)
    return replace(result, watermark=progress.watermark)
