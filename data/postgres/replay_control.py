"""The replay controls in Postgres: a replay stores heartbeats, and reads what an operator requests.

Each dataset has one row for both. Neither side waits for the other: without a request, a replay goes on unchanged.
Ages are measured by the clock of Postgres.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, and_, func, select, text, update
from sqlalchemy.dialects.postgresql import Insert, insert

from data.postgres.tables import replay_control
from runtime.errors import Hint, SegueError

State = Literal["running", "paused", "finishing", "finished", "stopped"]
#: The states in which a replay still has something to send, so that it can be controlled.
CONTROLLABLE: tuple[State, ...] = ("running", "paused")
ALIVE: tuple[State, ...] = (*CONTROLLABLE, "finishing")
#: Seconds without a heartbeat after which a replay counts as ended.
HEARTBEAT_TIMEOUT = 5
_c = replay_control.c


class ReplayControlError(SegueError):
    """No replay is running that could be controlled."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The state of a replay; ``speed`` is in event-time seconds per second, ``lag`` in records."""

    state: State
    event_time: datetime
    sent: int
    total: int
    lag: int
    speed: float


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What an operator requests; a speed of None is the one that the replay was started with."""

    paused: bool
    speed: float | None


def begin(engine: Engine, dataset: str, state: Heartbeat) -> None:
    """Store that a replay starts, and discard requests to an earlier one.

    Only one replay runs at a time, so that others which have not stored their end were killed.
    """
    killed = update(replay_control).where(_c.dataset != dataset, _c.state.in_(ALIVE)).values(state="stopped")
    with engine.begin() as connection:
        connection.execute(killed)
        connection.execute(_upsert(dataset, state, {"wanted_paused": False, "wanted_speed": None}))


def heartbeat(engine: Engine, dataset: str, state: Heartbeat) -> ReplayRequest:
    """Store the state of a replay; returns the operator's request to it."""
    with engine.begin() as connection:
        row = connection.execute(_upsert(dataset, state).returning(_c.wanted_paused, _c.wanted_speed)).one()
    return ReplayRequest(row.wanted_paused, row.wanted_speed)


def replays(engine: Engine) -> Sequence[Row[Any]]:
    """All replays as :func:`read_replays` returns them, read over a connection of its own."""
    with engine.connect() as connection:
        return read_replays(connection)


def read_replays(connection: Connection) -> Sequence[Row[Any]]:
    """All replays, newest heartbeat first: the columns of the table, and ``silent``, seconds since that heartbeat."""
    silent = func.extract("epoch", func.clock_timestamp() - _c.heartbeat_at).label("silent")
    return connection.execute(select(replay_control, silent).order_by(_c.heartbeat_at.desc())).all()


def last(connection: Connection) -> Row[Any] | None:
    """The replay with the newest heartbeat, if there ever was a replay."""
    return next(iter(read_replays(connection)), None)


def alive(replay: Row[Any]) -> bool:
    """Whether one of the :func:`replays` is running and its heartbeat is recent."""
    return replay.state in ALIVE and replay.silent <= HEARTBEAT_TIMEOUT


def has_applied_request(replay: Row[Any]) -> bool:
    """Whether one of the :func:`replays` has applied the last request, or has nothing left to send."""
    if replay.state not in CONTROLLABLE:
        return True
    paused = replay.state == "paused"
    return paused == replay.wanted_paused and replay.wanted_speed in (None, replay.speed)


def pause(engine: Engine) -> list[str]:
    """Request every running replay to pause; returns their datasets.

    Raises
    ------
    ReplayControlError
        If no replay is running.
    """
    return _request(engine, {"wanted_paused": True})


def resume(engine: Engine) -> list[str]:
    """Request every running replay to resume; returns and raises as :func:`pause`."""
    return _request(engine, {"wanted_paused": False})


def set_speed(engine: Engine, speed: float) -> list[str]:
    """Request another speed of every running replay, in event-time seconds per second; as :func:`pause`."""
    return _request(engine, {"wanted_speed": speed})


def _request(engine: Engine, values: dict[str, Any]) -> list[str]:
    controllable = and_(
        _c.state.in_(CONTROLLABLE), _c.heartbeat_at > func.now() - text(f"interval '{HEARTBEAT_TIMEOUT} seconds'")
    )
    with engine.begin() as connection:
        found = connection.execute(update(replay_control).where(controllable).values(values).returning(_c.dataset))
        datasets = sorted(found.scalars())
    if not datasets:
        raise ReplayControlError("no replay is running here", Hint.START_A_REPLAY)
    return datasets


def _upsert(dataset: str, state: Heartbeat, more: dict[str, Any] | None = None) -> Insert:
    values = {
        "state": state.state,
        "event_time": state.event_time,
        "sent": state.sent,
        "total": state.total,
        "lag": state.lag,
        "speed": state.speed,
        "heartbeat_at": func.clock_timestamp(),
        **(more or {}),
    }
    statement = insert(replay_control).values(dataset=dataset, **values)
    return statement.on_conflict_do_update(index_elements=[_c.dataset], set_=values)
