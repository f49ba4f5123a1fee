"""Sections of a dataset: each transaction is in exactly one of the parts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.units import MICROS_PER_DAY
from producers.dataset_contents import CHUNK, contents, occurred_at
from producers.section import between, missing, split, whole
from tests.support.examples import examples
from tests.support.retail import retail


@given(st.integers(-5, 760))
@settings(max_examples=examples(50))
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


@given(st.integers(-5, 760), st.integers(1, 700))
@settings(max_examples=examples(50))
def test_a_section_between_two_moments_has_the_first_and_not_the_last(days: int, length: int) -> None:
    everything, moments = whole(retail()), occurred_at(retail())
    since = everything.event_start + days * MICROS_PER_DAY
    until = since + length * MICROS_PER_DAY
    found = between(retail(), since, until)
    assert found.count == int(((moments >= since) & (moments < until)).sum())
    assert found.event_start <= found.event_end
    assert between(retail(), None, None) == everything


@pytest.mark.parametrize("watermark", [None, 1_000, 10**18])
def test_exactly_the_missing_transactions_remain(watermark: int | None) -> None:
    everything = whole(retail())
    come = bytearray(b"\1" * everything.stop)
    for number in (7, 990, 20_000):
        come[number % everything.stop] = 0
    left = missing(everything, bytes(come), watermark)
    assert (left.start, left.count) == (7, 3)
    assert [number for number in range(left.start, left.stop) if left.sends(number)] == sorted(
        number % everything.stop for number in (7, 990, 20_000)
    )
    assert left.event_start == max(everything.event_start, watermark or 0)
    assert not left.is_empty


def test_nothing_remains_of_a_section_that_has_come_up_to_its_last_tick() -> None:
    everything = whole(retail())
    come = b"\1" * everything.stop
    assert not everything.is_empty
    assert not missing(everything, come, everything.event_end - 1).is_empty
    assert missing(everything, come, everything.event_end).is_empty
    assert missing(everything, come, everything.event_end + 1).is_empty


def test_contents_come_in_chunks_and_in_order() -> None:
    chunks = list(contents(retail(), 3, CHUNK + 10))
    assert [len(chunk) for chunk in chunks] == [CHUNK, 7]
    assert [each.transaction_id for chunk in chunks for each in chunk] == retail().transactions["transaction_id"].iloc[
        3 : CHUNK + 10
    ].tolist()
    assert chunks[0][0].occurred_at == occurred_at(retail())[3]
