"""How a running replay is controlled from outside: it says how far it is, and reads what is wanted of it.

Both go through one row of Postgres per dataset. Nobody waits for anybody: a replay that hears nothing goes on as it
was. Ages are by Postgres's own clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, and_, func, select, text, update
from sqlalchemy.dialects.postgresql import Insert, insert

from data.postgres.tables import replay_control

State = Literal["running", "paused", "finishing", "finished", "stopped"]
#: The states in which a replay still has something to send, and can be told when.
CONTROLLABLE: tuple[State, ...] = ("running", "paused")
ALIVE: tuple[State, ...] = (*CONTROLLABLE, "finishing")
#: Seconds without a word after which nobody believes that a replay is alive.
SILENCE = 5
_c = replay_control.c


class ReplayControlError(RuntimeError):
    """There is nothing to control; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a replay says of itself; ``speed`` is in event-time seconds per second, ``lag`` in records."""

    state: State
    event_time: datetime
    sent: int
    total: int
    lag: int
    speed: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator wants; a speed of None is the one that the replay was started with."""

    paused: bool
    speed: float | None


def begin(engine: Engine, dataset: str, report: Report) -> None:
    """Note that a replay starts; what was wanted of an earlier one is forgotten."""
    with engine.begin() as connection:
        connection.execute(_saying(dataset, report, {"wanted_paused": False, "wanted_speed": None}))


def exchange(engine: Engine, dataset: str, report: Report) -> Wanted:
    """Say how far a replay is, and learn what is wanted of it."""
    with engine.begin() as connection:
        row = connection.execute(_saying(dataset, report).returning(_c.wanted_paused, _c.wanted_speed)).one()
    return Wanted(row.wanted_paused, row.wanted_speed)


def replays(engine: Engine) -> Sequence[Row[Any]]:
    """All replays, as :func:`known` gives them."""
    with engine.connect() as connection:
        return known(connection)


def known(connection: Connection) -> Sequence[Row[Any]]:
    """All replays, the last one heard of first: the table's columns, and ``silent``, seconds since its last word."""
    silent = func.extract("epoch", func.clock_timestamp() - _c.heartbeat_at).label("silent")
    return connection.execute(select(replay_control, silent).order_by(_c.heartbeat_at.desc())).all()


def last(connection: Connection) -> Row[Any] | None:
    """The replay that was heard of last, if there ever was one."""
    return next(iter(known(connection)), None)


def alive(replay: Row[Any]) -> bool:
    """Whether one of the :func:`replays` is at work, and has said so lately."""
    return replay.state in ALIVE and replay.silent <= SILENCE


def obeys(replay: Row[Any]) -> bool:
    """Whether one of the :func:`replays` is doing what was wanted of it last, or has nothing left to do."""
    if replay.state not in CONTROLLABLE:
        return True
    paused = replay.state == "paused"
    return paused == replay.wanted_paused and replay.wanted_speed in (None, replay.speed)


def pause(engine: Engine) -> list[str]:
    """Have every running replay wait; returns their datasets."""
    return _want(engine, {"wanted_paused": True})


def resume(engine: Engine) -> list[str]:
    """Have every running replay go on; returns their datasets."""
    return _want(engine, {"wanted_paused": False})


def set_speed(engine: Engine, speed: float) -> list[str]:
    """Have every running replay go on at another speed, once it is not paused; returns their datasets."""
    return _want(engine, {"wanted_speed": speed})


def _want(engine: Engine, values: dict[str, Any]) -> list[str]:
    within_reach = and_(
        _c.state.in_(CONTROLLABLE), _c.heartbeat_at > func.now() - text(f"interval '{SILENCE} seconds'")
    )
    with engine.begin() as connection:
        found = connection.execute(update(replay_control).where(within_reach).values(values).returning(_c.dataset))
        datasets = sorted(found.scalars())
    if not datasets:
        raise ReplayControlError("no replay is running here: start one with `segue replay DATASET` or `segue demo`")
    return datasets


def _saying(dataset: str, report: Report, more: dict[str, Any] | None = None) -> Insert:
    said = {
        "state": report.state,
        "event_time": report.event_time,
        "sent": report.sent,
        "total": report.total,
        "lag": report.lag,
        "speed": report.speed,
        "heartbeat_at": func.clock_timestamp(),
        **(more or {}),
    }
    statement = insert(replay_control).values(dataset=dataset, **said)
    return statement.on_conflict_do_update(index_elements=[_c.dataset], set_=said)
