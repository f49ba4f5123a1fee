"""Parsing and formatting speeds, and the clock of event time."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.units import MICROS_PER_DAY
from producers.pace import STILL, EventClock, RateLimit, Speed, days_between


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("1d/s", 86_400),
        ("7d/s", 604_800),
        ("12h/s", 43_200),
        ("1s/s", 1),
        ("0.5d", 43_200),
        ("2w/s", 1_209_600),
        ("500x", 500),
        ("1.5X", 1.5),
    ],
)
def test_a_speed_is_event_time_per_second(text: str, factor: float) -> None:
    assert Speed.parse(text).factor == factor


def test_max_has_no_limit() -> None:
    assert math.isinf(Speed.parse("MAX").factor)
    assert EventClock(0, Speed.parse("max"), 5.0).event_time(5.0) == math.inf


@pytest.mark.parametrize("text", ["", "fast", "0d/s", "-1d/s", "1y/s", "1d/m", "0x", "x", "5x/s", "5dx"])
def test_an_invalid_speed_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="such as 1d/s"):
        Speed.parse(text)


@pytest.mark.parametrize(
    "text", ["1d/s", "14d/s", "12h/s", "36h/s", "90m/s", "500x", "1.5x", "max", "1234567d/s", "0.0001x"]
)
def test_a_speed_is_written_as_it_is_parsed(text: str) -> None:
    assert str(Speed.parse(text)) == text


@given(st.floats(min_value=0, exclude_min=True))
def test_every_speed_can_be_read_as_it_is_written(factor: float) -> None:
    assert Speed.parse(str(Speed(factor))).factor == pytest.approx(factor, rel=1e-15)


def test_event_time_runs_from_its_start_at_its_speed() -> None:
    clock = EventClock(MICROS_PER_DAY, Speed.parse("2d/s"), started=100.0)
    assert clock.event_time(100.0) == MICROS_PER_DAY
    assert clock.event_time(100.25) == 1.5 * MICROS_PER_DAY


def test_every_midnight_after_the_earlier_and_up_to_the_later_moment_is_a_tick() -> None:
    day = MICROS_PER_DAY
    assert list(days_between(0, 3 * day)) == [day, 2 * day, 3 * day]
    assert list(days_between(1, day - 1)) == []
    assert list(days_between(day, day)) == []


def test_nothing_is_due_during_a_pause() -> None:
    clock = EventClock(0, Speed.parse("max"), 1.0).changed(STILL, 1.0, MICROS_PER_DAY)
    assert clock.event_time(1e9) == MICROS_PER_DAY
    assert not clock.due(MICROS_PER_DAY, 1e9)
    assert not clock.due(0, 1e9)


def test_event_time_continues_without_a_jump_after_a_pause() -> None:
    day = MICROS_PER_DAY
    running = EventClock(0, Speed.parse("1d/s"), 0.0)
    paused = running.changed(STILL, 2.5, upcoming=10 * day)
    assert paused.event_time(2.5) == paused.event_time(1_000.0) == 2.5 * day
    again = paused.changed(Speed.parse("4d/s"), 1_000.0, upcoming=10 * day)
    assert again.event_time(1_000.0) == 2.5 * day
    assert again.event_time(1_001.0) == 6.5 * day


def test_after_full_speed_event_time_continues_from_the_next_record() -> None:
    clock = EventClock(0, Speed.parse("max"), 0.0).changed(Speed.parse("1d/s"), 3.0, upcoming=MICROS_PER_DAY)
    assert clock.event_time(3.0) == MICROS_PER_DAY
    assert clock.event_time(4.0) == 2 * MICROS_PER_DAY


def test_after_a_change_of_speed_overdue_event_time_is_not_made_up_for() -> None:
    behind = EventClock(0, Speed.parse("1d/s"), 0.0)
    changed = behind.changed(Speed.parse("1h/s"), 100.0, upcoming=5 * MICROS_PER_DAY)
    assert changed.event_time(100.0) == 5 * MICROS_PER_DAY


def test_a_rate_spaces_records_evenly_and_makes_up_for_naps_only() -> None:
    limit = RateLimit(10.0, 0.0)
    sent = []
    for step in range(200):
        now = step * 0.02
        while not limit.holds(now):
            limit.note(now)
            sent.append(now)
    assert len(sent) == 40
    assert not limit.holds(100.0)
    burst = 0
    while not limit.holds(100.0):
        limit.note(100.0)
        burst += 1
    assert burst == 2


def test_without_a_rate_nothing_waits() -> None:
    limit = RateLimit(None, 0.0)
    limit.note(0.0)
    assert not limit.holds(0.0)
