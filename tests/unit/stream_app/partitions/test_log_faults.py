"""What a worker has applied, compared with what the log holds: which fault is it, and where does the worker go on."""

from dataclasses import replace

import pytest

from data.kafka.log_id import base_id, next_generation
from data.kafka.partition_log import PartitionLog
from runtime.record_fingerprint import fingerprint
from stream_app.core.apply import PartitionProgress
from stream_app.core.columns import LONG_AGO
from stream_app.partitions.log_faults import LogFault, find_fault

LAST = fingerprint(99, 5, b"k", b"v")
PROGRESS = PartitionProgress(3, "cluster/topic", 100, 1, LONG_AGO, "model", LONG_AGO, 0, 0, LAST)
HEALTHY = PartitionLog("cluster/topic", 4, 0, 150, LAST)


@pytest.mark.parametrize(
    "seen",
    [
        HEALTHY,
        replace(HEALTHY, end_offset=100),
        replace(HEALTHY, first_offset=100, record=None),
        replace(HEALTHY, first_offset=100, end_offset=100, record=None),
    ],
    ids=["more to read", "all read", "all that was read was deleted", "the log is empty"],
)
def test_a_log_that_continues_what_was_applied_has_no_fault(seen: PartitionLog) -> None:
    assert find_fault(PROGRESS, seen) is None


def test_a_log_is_compared_by_its_offsets_alone_before_a_record_was_applied() -> None:
    assert find_fault(replace(PROGRESS, last_record=None), replace(HEALTHY, record=None)) is None
    assert find_fault(replace(PROGRESS, next_offset=0, last_record=None), replace(HEALTHY, record=None)) is None


def test_a_log_that_ends_before_the_next_offset_has_lost_records() -> None:
    fault = find_fault(PROGRESS, replace(HEALTHY, first_offset=10, end_offset=60, record=None))
    assert fault == LogFault("truncated", "cluster/topic", 3, 60, 100, "cluster/topic#2", 10, 60)


def test_a_log_that_has_grown_again_holds_another_record_at_the_last_offset() -> None:
    others = fingerprint(99, 6, b"k", b"v"), fingerprint(99, 5, b"k", b"w"), fingerprint(101, 5, b"k", b"v")
    for record in (*others, None):
        fault = find_fault(PROGRESS, replace(HEALTHY, record=record))
        assert fault == LogFault("truncated", "cluster/topic", 3, 0, 100, "cluster/topic#2", 0, 150)


def test_a_topic_with_another_id_was_created_again() -> None:
    fault = find_fault(PROGRESS, replace(HEALTHY, log_id="cluster/another", end_offset=500))
    assert fault == LogFault("recreated", "cluster/topic", 3, 0, 100, "cluster/another", 0, 500)


def test_records_before_the_first_offset_that_were_never_read_were_deleted() -> None:
    fault = find_fault(PROGRESS, replace(HEALTHY, first_offset=120, record=None))
    assert fault == LogFault("deleted", "cluster/topic", 3, 100, 120, "cluster/topic", 120, 150)
    assert str(fault) == "records were deleted before they were read (offsets 100 to 119)"


def test_a_log_keeps_its_base_id_over_all_faults() -> None:
    after = replace(PROGRESS, log_id="cluster/topic#2")
    assert find_fault(after, HEALTHY) is None
    fault = find_fault(after, replace(HEALTHY, end_offset=60, record=None))
    assert fault is not None
    assert (fault.log_id, fault.next_log_id) == ("cluster/topic#2", "cluster/topic#3")
    assert next_generation("a#9") == "a#10"
    assert base_id("a#10") == "a"
