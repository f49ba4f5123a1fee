"""The reins of a running replay: what an operator wants of it, asked for about twice a second.

Postgres being away changes nothing: the replay goes on as it was told last.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from data.postgres import replay_control
from data.postgres.replay_control import Report, State
from producers.pace import Speed

LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ReplayState:
    """How far a replay has come: event time, transactions sent of all, records that the worker is behind.

    ``speed`` is how fast it goes whenever it is not paused.
    """

    event_time: datetime
    sent: int
    total: int
    lag: int
    speed: Speed
    state: State


class ReplayControls:
    """Tells Postgres how far the replay of a dataset is, and passes on what is wanted of it there.

    Wall-clock moments come in as arguments, in seconds.
    """

    def __init__(self, engine: Engine, dataset: str) -> None:
        self._engine = engine
        self._dataset = dataset
        self._initial: Speed | None = None
        self._looked = 0.0

    def take(self, state: ReplayState, now: float) -> None:
        """A replay starts; what was wanted of an earlier one is forgotten."""
        self._initial, self._looked = state.speed, now
        with suppress(DBAPIError):
            replay_control.begin(self._engine, self._dataset, _report(state))

    def due(self, now: float) -> bool:
        """Whether it is time to look again."""
        return now - self._looked >= LOOK_SECONDS

    def wanted(self, state: ReplayState, now: float) -> tuple[Speed, bool]:
        """Say how far the replay is; returns at what speed it shall go on, and whether it shall pause."""
        self._looked = now
        try:
            wanted = replay_control.exchange(self._engine, self._dataset, _report(state))
        except DBAPIError:
            return state.speed, state.state == "paused"
        speed = self._initial or state.speed if wanted.speed is None else Speed(wanted.speed)
        return speed, wanted.paused

    def drop(self, state: ReplayState) -> None:
        """The replay has ended."""
        with suppress(DBAPIError):
            replay_control.exchange(self._engine, self._dataset, _report(state))


def _report(state: ReplayState) -> Report:
    return Report(state.state, state.event_time, state.sent, state.total, state.lag, state.speed.factor)
