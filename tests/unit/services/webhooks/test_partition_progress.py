"""A restarted webhook delivers exactly the changes of a partition that were not delivered."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from data.postgres.webhooks import SavedOffset
from services.webhooks.partition_progress import WebhookPartitionProgress

NOBODY_WAITS: frozenset[int] = frozenset()


def read(
    progress: WebhookPartitionProgress, until: int, chosen: Callable[[int], bool] = lambda offset: True
) -> list[int]:
    """Read up to an offset, and return the offsets to deliver."""
    return [offset for offset in range(progress.read_from, until) if progress.record(offset, chosen(offset))]


def test_an_offset_waits_from_reading_to_finishing() -> None:
    progress = WebhookPartitionProgress(SavedOffset(10, NOBODY_WAITS))
    assert read(progress, 14, lambda offset: offset != 12) == [10, 11, 13]
    progress.finish(11)
    assert progress.saved == SavedOffset(14, frozenset({10, 13}))


def test_a_restart_reads_from_the_first_waiting_offset_and_delivers_only_waiting_ones() -> None:
    progress = WebhookPartitionProgress(SavedOffset(14, frozenset({10, 13})))
    assert progress.read_from == 10
    # The filter may be another one by now; what was chosen stays chosen.
    assert read(progress, 16, lambda offset: offset == 15) == [10, 13, 15]
    assert progress.saved == SavedOffset(16, frozenset({10, 13, 15}))
    assert progress.lost == 0


def test_waiting_offsets_that_the_topic_has_lost_are_counted_and_forgotten() -> None:
    progress = WebhookPartitionProgress(SavedOffset(14, frozenset({10, 13})))
    assert progress.record(20, True)
    assert progress.lost == 2
    assert progress.saved == SavedOffset(21, frozenset({20}))


def test_offsets_without_a_record_are_not_counted_as_lost() -> None:
    """A topic that is written in Kafka transactions has transaction markers between its records."""
    progress = WebhookPartitionProgress(SavedOffset(10, NOBODY_WAITS))
    assert progress.record(11, True)
    assert progress.record(14, False) is False
    assert progress.saved == SavedOffset(15, frozenset({11}))
    assert progress.lost == 0


@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_after_any_restart_everything_is_delivered_and_nothing_finished_is_delivered_again(
    records: list[tuple[bool, bool]], stop: int, saved: int
) -> None:
    stop, saved = min(stop, len(records)), min(saved, stop, len(records))
    before = WebhookPartitionProgress(SavedOffset(0, NOBODY_WAITS))
    reached, settled = before.saved, set()
    for offset, (chosen, arrives) in enumerate(records[:stop]):
        if before.record(offset, chosen) and arrives:
            before.finish(offset)
            if offset < saved:
                settled.add(offset)
        if offset < saved:
            reached = before.saved
    again = read(WebhookPartitionProgress(reached), len(records), lambda offset: records[offset][0])
    assert again == [offset for offset, (chosen, _) in enumerate(records) if chosen and offset not in settled]
