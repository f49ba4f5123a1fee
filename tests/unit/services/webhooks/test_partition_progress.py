"""A webhook's place in a partition: a restart delivers what had not arrived, and nothing else."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from data.postgres.webhooks import SavedOffset
from services.webhooks.partition_progress import PartitionProgress

NOBODY_WAITS: frozenset[int] = frozenset()


def read(progress: PartitionProgress, until: int, chosen: Callable[[int], bool] = lambda offset: True) -> list[int]:
    """Read on to an offset; returns what is to be delivered."""
    return [offset for offset in range(progress.read_from, until) if progress.record(offset, chosen(offset))]


def test_what_has_been_read_and_not_settled_waits() -> None:
    progress = PartitionProgress(SavedOffset(10, NOBODY_WAITS))
    assert read(progress, 14, lambda offset: offset != 12) == [10, 11, 13]
    progress.finish(11)
    assert progress.saved == SavedOffset(14, frozenset({10, 13}))


def test_a_restart_reads_from_the_first_that_waits_and_delivers_only_those_that_do() -> None:
    progress = PartitionProgress(SavedOffset(14, frozenset({10, 13})))
    assert progress.read_from == 10
    # The filter may be another one by now; what was chosen stays chosen.
    assert read(progress, 16, lambda offset: offset == 15) == [10, 13, 15]
    assert progress.saved == SavedOffset(16, frozenset({10, 13, 15}))
    assert progress.lost == 0


def test_what_the_topic_no_longer_has_is_counted_and_not_waited_for() -> None:
    progress = PartitionProgress(SavedOffset(14, frozenset({10, 13})))
    assert progress.record(20, True)
    assert progress.lost == 2
    assert progress.saved == SavedOffset(21, frozenset({20}))


def test_offsets_that_are_no_records_are_no_loss() -> None:
    """A topic that is written in transactions has markers between its records."""
    progress = PartitionProgress(SavedOffset(10, NOBODY_WAITS))
    assert progress.record(11, True)
    assert progress.record(14, False) is False
    assert progress.saved == SavedOffset(15, frozenset({11}))
    assert progress.lost == 0


@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_whenever_it_is_stopped_everything_chosen_is_delivered_and_what_was_settled_is_not_delivered_again(
    records: list[tuple[bool, bool]], stop: int, saved: int
) -> None:
    stop, saved = min(stop, len(records)), min(saved, stop, len(records))
    before = PartitionProgress(SavedOffset(0, NOBODY_WAITS))
    reached, settled = before.saved, set()
    for offset, (chosen, arrives) in enumerate(records[:stop]):
        if before.record(offset, chosen) and arrives:
            before.finish(offset)
            if offset < saved:
                settled.add(offset)
        if offset < saved:
            reached = before.saved
    again = read(PartitionProgress(reached), len(records), lambda offset: records[offset][0])
    assert again == [offset for offset, (chosen, _) in enumerate(records) if chosen and offset not in settled]
