"""A webhook's place in a partition: a restart delivers what had not arrived, and nothing else."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from data.postgres.webhooks import SavedOffset
from services.webhooks.positions import Position

NOBODY_WAITS: frozenset[int] = frozenset()


def read(position: Position, until: int, chosen: Callable[[int], bool] = lambda offset: True) -> list[int]:
    """Read on to an offset; returns what is to be delivered."""
    return [offset for offset in range(position.read_from, until) if position.take(offset, chosen(offset))]


def test_what_has_been_read_and_not_settled_waits() -> None:
    position = Position(SavedOffset(10, NOBODY_WAITS))
    assert read(position, 14, lambda offset: offset != 12) == [10, 11, 13]
    position.settle(11)
    assert position.reached == SavedOffset(14, frozenset({10, 13}))


def test_a_restart_reads_from_the_first_that_waits_and_delivers_only_those_that_do() -> None:
    position = Position(SavedOffset(14, frozenset({10, 13})))
    assert position.read_from == 10
    # The filter may be another one by now; what was chosen stays chosen.
    assert read(position, 16, lambda offset: offset == 15) == [10, 13, 15]
    assert position.reached == SavedOffset(16, frozenset({10, 13, 15}))
    assert position.lost == 0


def test_what_the_topic_no_longer_has_is_counted_and_not_waited_for() -> None:
    position = Position(SavedOffset(14, frozenset({10, 13})))
    assert position.take(20, True)
    assert position.lost == 2
    assert position.reached == SavedOffset(21, frozenset({20}))


def test_offsets_that_are_no_records_are_no_loss() -> None:
    """A topic that is written in transactions has markers between its records."""
    position = Position(SavedOffset(10, NOBODY_WAITS))
    assert position.take(11, True)
    assert position.take(14, False) is False
    assert position.reached == SavedOffset(15, frozenset({11}))
    assert position.lost == 0


@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_whenever_it_is_stopped_everything_chosen_is_delivered_and_what_was_settled_is_not_delivered_again(
    records: list[tuple[bool, bool]], stop: int, saved: int
) -> None:
    stop, saved = min(stop, len(records)), min(saved, stop, len(records))
    before = Position(SavedOffset(0, NOBODY_WAITS))
    reached, settled = before.reached, set()
    for offset, (chosen, arrives) in enumerate(records[:stop]):
        if before.take(offset, chosen) and arrives:
            before.settle(offset)
            if offset < saved:
                settled.add(offset)
        if offset < saved:
            reached = before.reached
    again = read(Position(reached), len(records), lambda offset: records[offset][0])
    assert again == [offset for offset, (chosen, _) in enumerate(records) if chosen and offset not in settled]
