"""A replay without a terminal prints lines; a replay whose lag does not fall is reported."""

from dataclasses import replace
from datetime import UTC, datetime

from producers.control import ReplayState
from producers.pace import Speed
from segue.cli.replay_display import LagWarning, ReplayLines

STATE = ReplayState(datetime(2010, 3, 1, 12, tzinfo=UTC), 1_200, 44_876, 30, Speed.parse("1d/s"), "running")


class Clock:
    """A clock that the test sets."""

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


def test_a_paused_replay_is_shown_as_paused() -> None:
    lines = list[str]()
    ReplayLines(lines.append)(replace(STATE, state="paused"))
    assert lines[0].startswith("paused: 2010-03-01")


def _reports(lags: list[int]) -> list[int]:
    """Return the seconds at which the warning was shown, for one lag a second."""
    clock, reports = Clock(), list[int]()
    seconds = iter(range(len(lags)))
    second = 0
    show = LagWarning(lambda: reports.append(second), clock)
    for second, lag in zip(seconds, lags, strict=True):  # noqa: B007 - read by the callback
        show(replace(STATE, lag=lag))
        clock.now += 1
    return reports


def test_a_lag_that_does_not_fall_for_ten_seconds_is_reported_once() -> None:
    assert _reports([5] * 40) == [10]
    assert _reports([*range(1, 40)]) == [10]


def test_a_lag_that_falls_now_and_then_is_not_reported() -> None:
    assert _reports([9, 9, 9, 9, 8] * 8) == []
    assert _reports([0] * 40) == []


def test_the_warning_is_shown_again_after_the_lag_has_fallen() -> None:
    assert _reports([5] * 20 + [1] + [5] * 20) == [10, 30]
