"""Runs of offsets answer as the set of the offsets does."""

from hypothesis import given
from hypothesis import strategies as st

from producers.offset_runs import OffsetRuns, Placed


@given(st.lists(st.integers(0, 60)), st.booleans(), st.integers(-1, 62))
def test_runs_answer_as_the_set_of_their_offsets(offsets: list[int], ordered: bool, asked: int) -> None:
    runs = OffsetRuns()
    for offset in sorted(offsets) if ordered else offsets:
        runs.add(offset)
    assert (asked in runs) == (asked in offsets)
    assert runs.before(asked) == sum(offset < asked for offset in set(offsets))
    assert runs.count == len(set(offsets))


def test_a_record_whose_offset_is_unknown_is_only_counted() -> None:
    placed = Placed()
    placed.transaction(1, 5)
    placed.transaction(1, -1001)
    placed.control_record(1, -1001)
    assert (placed.transactions[1].count, placed.unlocated, placed.control) == (1, 1, {})
