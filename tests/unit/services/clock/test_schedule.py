"""When the clock of a live stream ticks."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.clock.schedule import TickSchedule

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def schedule(last: datetime | None = NOON) -> TickSchedule:
    return TickSchedule(grace=timedelta(minutes=5), every=timedelta(minutes=1), last=last)


def test_the_first_tick_is_due_at_once_a_grace_behind_the_clock() -> None:
    assert schedule(last=None).due(NOON, None) == NOON - timedelta(minutes=5)


def test_a_tick_is_due_after_the_interval() -> None:
    assert schedule().due(NOON + timedelta(minutes=5, seconds=59), None) is None
    assert schedule().due(NOON + timedelta(minutes=6), None) == NOON + timedelta(minutes=1)


def test_a_tick_is_due_when_a_customer_is_due_to_change() -> None:
    due = NOON + timedelta(seconds=20)
    assert schedule().due(due + timedelta(minutes=5) - SECOND, due) is None
    assert schedule().due(due + timedelta(minutes=5), due) == due


def test_a_change_that_the_last_tick_covers_is_no_reason_to_tick() -> None:
    assert schedule().due(NOON + timedelta(minutes=5, seconds=20), NOON) is None


def test_a_clock_that_jumps_back_does_not_tick_until_it_has_caught_up() -> None:
    ticks = schedule()
    assert ticks.due(NOON - timedelta(hours=1), NOON + SECOND) is None
    assert ticks.due(NOON + timedelta(minutes=4), None) is None


@given(st.lists(st.tuples(st.integers(-900, 900), st.integers(-60, 900)), max_size=60))
def test_ticks_grow_and_never_pass_the_clock_less_the_grace(steps: list[tuple[int, int]]) -> None:
    ticks, now, sent = schedule(last=None), NOON, []
    for step, change in steps:
        now += step * SECOND
        tick = ticks.due(now, None if ticks.last is None else ticks.last + change * SECOND)
        if tick is not None:
            assert tick <= now - ticks.grace
            sent.append(tick)
            ticks.last = tick
    assert sent == sorted(set(sent))
