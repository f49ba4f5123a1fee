"""What a replay tells where nobody watches a bar, and what it says when nothing moves."""

from dataclasses import replace
from datetime import UTC, datetime

from producers.control import ReplayState
from producers.pace import Speed
from segue.cli.replay_display import ReplayLines, Standstill

STATE = ReplayState(datetime(2010, 3, 1, 12, tzinfo=UTC), 1_200, 44_876, 30, Speed.parse("1d/s"), "running")


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_log_gets_a_line_every_five_seconds() -> None:
    lines, clock = list[str](), Clock()
    show = ReplayLines(lines.append, clock)
    for _ in range(24):
        show(STATE)
        clock.now += 0.5
    assert lines == ["replaying 1d/s: 2010-03-01 12:00, 1,200 of 44,876 sent, lag 30"] * 3


def test_a_paused_replay_says_so() -> None:
    lines = list[str]()
    ReplayLines(lines.append)(replace(STATE, state="paused"))
    assert lines[0].startswith("paused: 2010-03-01")


def _said(lags: list[int]) -> list[int]:
    """At which of some lags, one a second, somebody was told that nothing moves."""
    clock, said = Clock(), list[int]()
    seconds = iter(range(len(lags)))
    second = 0
    show = Standstill(lambda: said.append(second), clock)
    for second, lag in zip(seconds, lags, strict=True):  # noqa: B007 - told by the callback
        show(replace(STATE, lag=lag))
        clock.now += 1
    return said


def test_a_lag_that_does_not_fall_for_ten_seconds_is_told_once() -> None:
    assert _said([5] * 40) == [10]
    assert _said([*range(1, 40)]) == [10]


def test_a_lag_that_falls_now_and_then_is_none() -> None:
    assert _said([9, 9, 9, 9, 8] * 8) == []
    assert _said([0] * 40) == []


def test_after_it_has_moved_a_new_standstill_is_told_again() -> None:
    assert _said([5] * 20 + [1] + [5] * 20) == [10, 30]
