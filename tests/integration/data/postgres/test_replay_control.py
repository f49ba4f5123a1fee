"""What a replay and an operator say to each other through Postgres."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from data.postgres import replay_control
from data.postgres.database import engine as connect
from data.postgres.database import migrate
from data.postgres.replay_control import ReplayControlError, Report, Wanted
from producers.control import ReplayControls, ReplayState
from producers.pace import Speed

REPORT = Report("running", datetime(2010, 3, 1, tzinfo=UTC), 100, 1_000, 7, 86_400.0)
STATE = ReplayState(REPORT.event_time, 100, 1_000, 7, Speed.parse("1d/s"), "running")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    migrate(database_url)
    connected = connect(database_url)
    yield connected
    connected.dispose()


def _silent_for(engine: Engine, seconds: int) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE replay_control SET heartbeat_at = now() - make_interval(secs => :s)"), {"s": seconds}
        )


def test_a_replay_says_how_far_it_is(engine: Engine) -> None:
    replay_control.begin(engine, "shop", REPORT)
    replay_control.exchange(engine, "shop", replace(REPORT, sent=250, speed=math.inf))
    (row,) = replay_control.replays(engine)
    assert (row.dataset, row.state, row.sent, row.total, row.lag) == ("shop", "running", 250, 1_000, 7)
    assert math.isinf(row.speed)
    assert 0 <= row.silent < 60


def test_what_is_wanted_reaches_the_replay(engine: Engine) -> None:
    replay_control.begin(engine, "shop", REPORT)
    assert replay_control.exchange(engine, "shop", REPORT) == Wanted(False, None)
    assert replay_control.pause(engine) == ["shop"]
    assert replay_control.set_speed(engine, math.inf) == ["shop"]
    assert replay_control.exchange(engine, "shop", REPORT) == Wanted(True, math.inf)
    assert replay_control.resume(engine) == ["shop"]
    assert replay_control.exchange(engine, "shop", REPORT) == Wanted(False, math.inf)


def test_it_shows_whether_a_replay_obeys(engine: Engine) -> None:
    replay_control.begin(engine, "shop", REPORT)
    assert replay_control.obeys(replay_control.replays(engine)[0])
    replay_control.pause(engine)
    assert not replay_control.obeys(replay_control.replays(engine)[0])
    replay_control.exchange(engine, "shop", replace(REPORT, state="paused"))
    assert replay_control.obeys(replay_control.replays(engine)[0])
    replay_control.set_speed(engine, 5.0)
    assert not replay_control.obeys(replay_control.replays(engine)[0])
    replay_control.exchange(engine, "shop", replace(REPORT, state="finished"))
    assert replay_control.obeys(replay_control.replays(engine)[0])


def test_a_new_replay_forgets_what_was_wanted_of_the_last_one(engine: Engine) -> None:
    replay_control.begin(engine, "shop", REPORT)
    replay_control.pause(engine)
    replay_control.set_speed(engine, 5.0)
    replay_control.begin(engine, "shop", REPORT)
    assert replay_control.exchange(engine, "shop", REPORT) == Wanted(False, None)


def test_nobody_running_is_an_error_that_says_what_to_do(engine: Engine) -> None:
    with pytest.raises(ReplayControlError, match="no replay is running here: start one with `segue replay DATASET`"):
        replay_control.pause(engine)
    replay_control.begin(engine, "shop", REPORT)
    for state in ("finishing", "finished", "stopped"):
        replay_control.exchange(engine, "shop", replace(REPORT, state=state))
        with pytest.raises(ReplayControlError):
            replay_control.resume(engine)


def test_a_replay_without_a_word_for_seconds_is_not_running(engine: Engine) -> None:
    replay_control.begin(engine, "shop", REPORT)
    _silent_for(engine, replay_control.SILENCE + 1)
    with pytest.raises(ReplayControlError):
        replay_control.set_speed(engine, 5.0)


def test_reins_pass_on_what_is_wanted_and_go_back_to_the_first_speed(engine: Engine) -> None:
    reins = ReplayControls(engine, "shop")
    reins.take(STATE, now=0.0)
    assert not reins.due(0.4)
    assert reins.due(0.6)
    replay_control.set_speed(engine, 500.0)
    replay_control.pause(engine)
    assert reins.wanted(STATE, 0.6) == (Speed(500.0), True)
    assert not reins.due(0.7)
    with engine.begin() as connection:
        connection.execute(text("UPDATE replay_control SET wanted_speed = NULL"))
    assert reins.wanted(replace(STATE, speed=Speed(500.0)), 1.2) == (Speed.parse("1d/s"), True)
    reins.drop(replace(STATE, state="finished"))
    assert replay_control.replays(engine)[0].state == "finished"


@pytest.mark.parametrize("state", ["running", "paused"])
def test_reins_hold_as_they_are_while_postgres_is_away(state: replay_control.State) -> None:
    away = connect("postgresql://segue@127.0.0.1:1/segue")
    reins = ReplayControls(away, "shop")
    now = replace(STATE, state=state)
    reins.take(now, 0.0)
    assert reins.wanted(now, 1.0) == (now.speed, state == "paused")
    reins.drop(now)


def test_the_command_tells_in_one_line_that_nothing_runs(engine: Engine, database_url: str) -> None:
    done = _segue(database_url, "pause")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        "error: no replay is running here: start one with `segue replay DATASET` or `segue demo`"
    ]


def test_the_command_says_when_a_replay_does_not_answer(engine: Engine, database_url: str) -> None:
    replay_control.begin(engine, "shop", REPORT)
    # On a slow machine too it counts as alive until the command has been started.
    _silent_for(engine, -60)
    done = _segue(database_url, "speed", "500x")
    assert done.returncode == 0, done.stderr
    assert "shop running at 2010-03-01 00:00, 100 of 1,000 sent, 1d/s (asked, and" in done.stderr
    assert replay_control.replays(engine)[0].wanted_speed == 500.0


def test_the_command_refuses_what_is_not_a_speed(database_url: str) -> None:
    done = _segue(database_url, "speed", "fast")
    assert done.returncode == 2
    assert "such as 1d/s" in done.stderr


def _segue(database_url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"SEGUE_DATABASE_URL": database_url, "COLUMNS": "200"}
    command = [sys.executable, "-m", "segue", "control", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
