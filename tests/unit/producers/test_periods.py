"""The periods of a loop: equal times of day, later days, and ticks that never go back."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from models.units import MICROS_PER_DAY
from producers.periods import lap
from producers.section import Section

DAY = MICROS_PER_DAY


@given(st.integers(0, 5 * DAY), st.integers(0, 900 * DAY), st.integers(1, 50))
def test_each_period_begins_where_the_last_one_ended_and_keeps_the_time_of_day(
    start: int, length: int, number: int
) -> None:
    section = Section(3, 9, start, start + length)
    before, after = lap(section, number), lap(section, number + 1)
    assert after.section.event_start == before.section.event_end
    assert after.period.shift % DAY == 0
    # The first transaction of a period is on a later day than the last one of the period before.
    assert (start + after.period.shift) // DAY == (start + length + before.period.shift) // DAY + 1
    assert (after.section.start, after.section.stop) == (3, 9)


def test_the_first_period_is_the_section_itself() -> None:
    section = Section(0, 5, 7, 3 * DAY)
    assert (lap(section, 1).section, lap(section, 1).period.transaction_id("T1")) == (section, "T1")
    names = [lap(section, number).period.transaction_id("T1") for number in (1, 2, 3)]
    assert names == ["T1", "T1~2", "T1~3"]
    assert all(a.period.shift < b.period.shift for a, b in pairwise(lap(section, each) for each in (1, 2, 3)))
