"""The replay controls in Postgres: heartbeats of a replay, and requests of an operator."""

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
from data.postgres.replay_control import Heartbeat, ReplayControlError, ReplayRequest
from producers.control import ReplayControls, ReplayState
from producers.pace import Speed
from runtime.errors import Hint

HEARTBEAT = Heartbeat("running", datetime(2010, 3, 1, tzinfo=UTC), 100, 1_000, 7, 86_400.0)
STATE = ReplayState(HEARTBEAT.event_time, 100, 1_000, 7, Speed.parse("1d/s"), "running")


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    connected = connect(migrated_url)
    yield connected
    connected.dispose()


def _last_heartbeat_before(engine: Engine, seconds: int) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE replay_control SET heartbeat_at = now() - make_interval(secs => :s)"), {"s": seconds}
        )


def test_a_heartbeat_stores_the_state_of_a_replay(engine: Engine) -> None:
    replay_control.begin(engine, "shop", HEARTBEAT)
    replay_control.heartbeat(engine, "shop", replace(HEARTBEAT, sent=250, speed=math.inf))
    (row,) = replay_control.replays(engine)
    assert (row.dataset, row.state, row.sent, row.total, row.lag) == ("shop", "running", 250, 1_000, 7)
    assert math.isinf(row.speed)
    assert 0 <= row.silent < 60


def test_a_heartbeat_returns_the_request_of_the_operator(engine: Engine) -> None:
    replay_control.begin(engine, "shop", HEARTBEAT)
    assert replay_control.heartbeat(engine, "shop", HEARTBEAT) == ReplayRequest(False, None)
    assert replay_control.pause(engine) == ["shop"]
    assert replay_control.set_speed(engine, math.inf) == ["shop"]
    assert replay_control.heartbeat(engine, "shop", HEARTBEAT) == ReplayRequest(True, math.inf)
    assert replay_control.resume(engine) == ["shop"]
    assert replay_control.heartbeat(engine, "shop", HEARTBEAT) == ReplayRequest(False, math.inf)


def test_a_replay_shows_whether_it_has_applied_the_request(engine: Engine) -> None:
    replay_control.begin(engine, "shop", HEARTBEAT)
    assert replay_control.has_applied_request(replay_control.replays(engine)[0])
    replay_control.pause(engine)
    assert not replay_control.has_applied_request(replay_control.replays(engine)[0])
    replay_control.heartbeat(engine, "shop", replace(HEARTBEAT, state="paused"))
    assert replay_control.has_applied_request(replay_control.replays(engine)[0])
    replay_control.set_speed(engine, 5.0)
    assert not replay_control.has_applied_request(replay_control.replays(engine)[0])
    replay_control.heartbeat(engine, "shop", replace(HEARTBEAT, state="finished"))
    assert replay_control.has_applied_request(replay_control.replays(engine)[0])


def test_a_new_replay_discards_requests_to_the_last_one(engine: Engine) -> None:
    replay_control.begin(engine, "shop", HEARTBEAT)
    replay_control.pause(engine)
    replay_control.set_speed(engine, 5.0)
    replay_control.begin(engine, "shop", HEARTBEAT)
    assert replay_control.heartbeat(engine, "shop", HEARTBEAT) == ReplayRequest(False, None)


def test_a_request_without_a_running_replay_is_an_error_with_a_hint(engine: Engine) -> None:
    with pytest.raises(ReplayControlError, match="no replay is running here") as error:
        replay_control.pause(engine)
    assert error.value.hint is Hint.START_A_REPLAY
    replay_control.begin(engine, "shop", HEARTBEAT)
    for state in ("finishing", "finished", "stopped"):
        replay_control.heartbeat(engine, "shop", replace(HEARTBEAT, state=state))
        with pytest.raises(ReplayControlError):
            replay_control.resume(engine)


def test_a_replay_without_a_recent_heartbeat_is_not_running(engine: Engine) -> None:
    replay_control.begin(engine, "shop", HEARTBEAT)
    _last_heartbeat_before(engine, replay_control.HEARTBEAT_TIMEOUT + 1)
    with pytest.raises(ReplayControlError):
        replay_control.set_speed(engine, 5.0)


def test_controls_return_the_request_and_without_one_the_first_speed(engine: Engine) -> None:
    controls = ReplayControls(engine, "shop")
    controls.begin(STATE, now=0.0)
    assert not controls.due(0.4)
    assert controls.due(0.6)
    replay_control.set_speed(engine, 500.0)
    replay_control.pause(engine)
    assert controls.poll(STATE, 0.6) == (Speed(500.0), True)
    assert not controls.due(0.7)
    with engine.begin() as connection:
        connection.execute(text("UPDATE replay_control SET wanted_speed = NULL"))
    assert controls.poll(replace(STATE, speed=Speed(500.0)), 1.2) == (Speed.parse("1d/s"), True)
    controls.end(replace(STATE, state="finished"))
    assert replay_control.replays(engine)[0].state == "finished"


@pytest.mark.parametrize("state", ["running", "paused"])
def test_controls_return_the_present_state_while_postgres_does_not_answer(state: replay_control.State) -> None:
    away = connect("postgresql://segue@127.0.0.1:1/segue")
    controls = ReplayControls(away, "shop")
    now = replace(STATE, state=state)
    controls.begin(now, 0.0)
    assert controls.poll(now, 1.0) == (now.speed, state == "paused")
    controls.end(now)


def test_the_command_reports_in_one_line_that_no_replay_is_running(engine: Engine, migrated_url: str) -> None:
    done = _segue(migrated_url, "pause")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        "error: no replay is running here; start a replay with `segue replay DATASET` or `segue demo`"
    ]


def test_the_command_reports_a_replay_that_does_not_apply_the_request(engine: Engine, migrated_url: str) -> None:
    replay_control.begin(engine, "shop", HEARTBEAT)
    # A heartbeat in the future keeps the replay alive until the command has started, even on a slow machine.
    _last_heartbeat_before(engine, -60)
    done = _segue(migrated_url, "speed", "500x")
    assert done.returncode == 0, done.stderr
    assert "shop running at 2010-03-01 00:00, 100 of 1,000 sent, 1d/s (asked, and" in done.stderr
    assert replay_control.replays(engine)[0].wanted_speed == 500.0


def test_the_command_refuses_an_invalid_speed(migrated_url: str) -> None:
    done = _segue(migrated_url, "speed", "fast")
    assert done.returncode == 2
    assert "such as 1d/s" in done.stderr


def _segue(migrated_url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"SEGUE_DATABASE_URL": migrated_url, "COLUMNS": "200"}
    command = [sys.executable, "-m", "segue", "control", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
