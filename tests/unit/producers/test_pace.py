"""Speeds as people write them, and event time that runs at them."""

import math

import pytest

from models.units import MICROS_PER_DAY
from producers.pace import EventClock, Speed, days_between


@pytest.mark.parametrize(
    ("text", "factor"),
    [("1d/s", 86_400), ("7d/s", 604_800), ("12h/s", 43_200), ("1s/s", 1), ("0.5d", 43_200), ("2w/s", 1_209_600)],
)
def test_a_speed_is_event_time_per_second(text: str, factor: float) -> None:
    assert Speed.parse(text).factor == factor


def test_max_has_no_limit() -> None:
    assert math.isinf(Speed.parse("MAX").factor)
    assert EventClock(0, Speed.parse("max"), 5.0).reached(5.0) == math.inf


@pytest.mark.parametrize("text", ["", "fast", "0d/s", "-1d/s", "1y/s", "1d/m"])
def test_what_is_not_a_speed_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="such as 1d/s"):
        Speed.parse(text)


def test_event_time_runs_from_its_start_at_its_speed() -> None:
    clock = EventClock(MICROS_PER_DAY, Speed.parse("2d/s"), started=100.0)
    assert clock.reached(100.0) == MICROS_PER_DAY
    assert clock.reached(100.25) == 1.5 * MICROS_PER_DAY


def test_every_midnight_after_the_earlier_and_up_to_the_later_moment_is_a_tick() -> None:
    day = MICROS_PER_DAY
    assert list(days_between(0, 3 * day)) == [day, 2 * day, 3 * day]
    assert list(days_between(1, day - 1)) == []
    assert list(days_between(day, day)) == []
