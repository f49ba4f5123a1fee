"""Sections of a dataset: each transaction is in exactly one of the parts."""

from hypothesis import given, settings
from hypothesis import strategies as st

from models.units import MICROS_PER_DAY
from producers.replay import occurred_at, remaining, split, whole
from tests.support.retail import retail


@given(st.integers(-5, 760))
@settings(max_examples=50)
def test_a_split_is_a_partition_of_transactions_and_of_event_time(days: int) -> None:
    everything = whole(retail())
    at = everything.event_start + days * MICROS_PER_DAY
    before, after = split(everything, retail(), at)
    assert (before.start, before.stop, after.stop) == (everything.start, after.start, everything.stop)
    assert (before.event_start, after.event_end) == (everything.event_start, everything.event_end)
    assert before.event_end == after.event_start
    moments = occurred_at(retail())
    assert (moments[before.start : before.stop] < at).all()
    assert (moments[after.start : after.stop] >= at).all()


def test_the_remaining_section_skips_exactly_the_known_transactions() -> None:
    data = retail()
    reached = int(occurred_at(data)[1_000])
    rows = data.transactions.iloc[990:1_010]
    known = frozenset(zip(rows["customer_id"], rows["transaction_id"], strict=True))
    left = remaining(whole(data), data, reached, known)
    assert left.event_start == reached
    assert left.start <= 1_000
    ahead = data.transactions.iloc[left.start : 1_010]
    assert left.skip == known & frozenset(zip(ahead["customer_id"], ahead["transaction_id"], strict=True))


def test_nothing_remains_of_a_section_applied_up_to_its_last_tick() -> None:
    data = retail()
    everything = whole(data)
    ids = data.transactions[["customer_id", "transaction_id"]]
    known = frozenset(zip(ids["customer_id"], ids["transaction_id"], strict=True))
    assert not everything.is_empty
    assert not remaining(everything, data, everything.event_end - 1, known).is_empty
    assert remaining(everything, data, everything.event_end, known).is_empty
