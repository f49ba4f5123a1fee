"""Faults of the log: what a worker has applied, compared with what the log holds. Pure.

A stored offset means something only in the log that it came from. Kafka can lose the end of a log (a power cut, an
unclean election, a restored copy), the topic can be deleted and created again, and retention can delete records before
they were read. Each of these would let a worker skip records without any sign.
"""

from dataclasses import dataclass
from typing import Literal

from data.kafka.log_id import base_id, next_generation
from data.kafka.partition_log import PartitionLog
from stream_app.core.apply import PartitionProgress

Kind = Literal["truncated", "recreated", "deleted"]


@dataclass(frozen=True, slots=True)
class LogFault:
    """A fault of the log, and from where a worker continues.

    Attributes
    ----------
    kind
        ``truncated``: the log ended before the next offset, or holds other records before it. ``recreated``: the topic
        has another id. ``deleted``: records were deleted before they were read.
    log_id, partition
        The log whose records are concerned.
    first_offset, end_offset
        Truncated: the applied offsets that the log no longer holds; all of them if the log has grown again. Recreated:
        the applied offsets of the old log. Deleted: the offsets that were never read.
    next_log_id, next_offset
        The log id and the offset from which the worker continues.
    caught_up_offset
        The end offset of the log when the fault was noticed.
    """

    kind: Kind
    log_id: str
    partition: int
    first_offset: int
    end_offset: int
    next_log_id: str
    next_offset: int
    caught_up_offset: int

    def __str__(self) -> str:
        what = {
            "truncated": "the log has lost applied records; it is read again from its first record",
            "recreated": "the topic was created again; it is read from its first record",
            "deleted": "records were deleted before they were read",
        }
        return f"{what[self.kind]} (offsets {self.first_offset} to {self.end_offset - 1})"


def find_fault(progress: PartitionProgress, seen: PartitionLog) -> LogFault | None:
    """The fault that a partition's log has, compared with what was applied from it; None if it has none.

    Parameters
    ----------
    progress
        Its last applied record is compared with ``seen.record``, if the log still holds that offset.
    seen
        The partition's log now.
    """
    applied, end = progress.next_offset, seen.end_offset

    def fault(kind: Kind, first: int, stop: int, log_id: str) -> LogFault:
        return LogFault(
            kind, progress.log_id, progress.partition, first, stop, log_id, seen.first_offset, caught_up_offset=end
        )

    if base_id(progress.log_id) != base_id(seen.log_id):
        return fault("recreated", 0, applied, seen.log_id)
    if end < applied:
        return fault("truncated", end, applied, next_generation(progress.log_id))
    if seen.first_offset > applied:
        return fault("deleted", applied, seen.first_offset, progress.log_id)
    last = progress.last_record
    if last is not None and last.offset >= seen.first_offset and seen.record != last:
        return fault("truncated", seen.first_offset, applied, next_generation(progress.log_id))
    return None
