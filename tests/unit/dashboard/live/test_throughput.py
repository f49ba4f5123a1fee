"""Rates from counters."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.live.throughput import HISTORY, Samples, ThroughputSample, pace, rates, remember

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY_ONE = datetime(2011, 1, 1, tzinfo=UTC)


def _history(*counts: int, every: float = 2.0) -> Samples:
    history = None
    for number, count in enumerate(counts):
        passed = timedelta(seconds=every * number)
        history = remember(history, ThroughputSample(START + passed, count, DAY_ONE + 12 * passed * 3_600))
    assert history is not None
    return history


def test_there_is_no_pace_before_the_second_sample() -> None:
    assert pace(_history(5)) is None


def test_the_pace_is_what_came_in_the_last_ten_seconds() -> None:
    now = pace(_history(0, 0, 0, 0, 0, 20, 40, 60, 80, 100))
    assert now is not None
    assert now.transactions == pytest.approx(10)
    assert now.event_days == pytest.approx(0.5)


def _ticking(seconds: list[float], ticks: float | None) -> Samples:
    """Samples at these moments of a stream with a tick per event day, at this interval in seconds; None for no tick."""
    history = None
    for second in seconds:
        days = 0 if ticks is None else second // ticks
        sample = ThroughputSample(START + timedelta(seconds=second), 0, DAY_ONE + timedelta(days=days))
        history = remember(history, sample)
    assert history is not None
    return history


def test_the_speed_of_event_time_in_a_slow_replay_is_positive_between_ticks() -> None:
    now = pace(_ticking([2.0 * n for n in range(21)], ticks=25.0))
    assert now is not None
    assert now.event_days == pytest.approx(1 / 30)


def test_the_speed_of_event_time_is_zero_only_after_a_while_without_a_tick() -> None:
    soon, later = pace(_ticking([0.0, 2.0], ticks=None)), pace(_ticking([0.0, 5.0, 10.0], ticks=None))
    assert soon is not None
    assert soon.event_days is None
    assert later is not None
    assert later.event_days == 0.0


def test_after_a_pause_the_pace_is_that_between_the_last_two_samples() -> None:
    now = pace(_history(0, 600, every=60))
    assert now is not None
    assert now.transactions == pytest.approx(10)


def test_a_counter_that_falls_drops_earlier_samples() -> None:
    assert [sample.transactions for sample in _history(50, 70, 10, 30)] == [10, 30]


def test_two_samples_of_one_moment_are_one() -> None:
    history = _history(5, 9)
    assert len(remember(history, history[-1])) == 2


def test_only_the_latest_samples_are_kept() -> None:
    assert len(_history(*range(3 * HISTORY))) == HISTORY


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=HISTORY))
def test_rates_times_seconds_give_back_what_was_counted(increments: list[int]) -> None:
    counts = [sum(increments[: n + 1]) for n in range(len(increments))]
    assert sum(rates(_history(*counts))) * 2.0 == pytest.approx(counts[-1] - counts[0])
