"""The replay controls: what an operator asks of a running replay, read from Postgres about twice a second.

If Postgres does not answer, the replay goes on with the last request that it has read.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from data.postgres import replay_control
from data.postgres.replay_control import Heartbeat, State
from data.postgres.replay_lock import ReplayLock
from producers.pace import Speed

LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ReplayState:
    """A replay at a moment: its event time, how many of its transactions are sent, and the lag in records.

    ``speed`` is the speed while the replay is not paused.
    """

    event_time: datetime
    sent: int
    total: int
    lag: int
    speed: Speed
    state: State


class ReplayControls:
    """Stores the state of a dataset's replay in Postgres, and reads what an operator asks of the replay.

    Wall-clock times are arguments, in seconds. A lock that is given is kept, also after Postgres has restarted.
    """

    def __init__(self, engine: Engine, dataset: str, lock: ReplayLock | None = None) -> None:
        self._engine = engine
        self._dataset = dataset
        self._lock = lock
        self._initial: Speed | None = None
        self._looked = 0.0

    def begin(self, state: ReplayState, now: float) -> None:
        """Store that a replay starts, and discard requests to an earlier one."""
        self._initial, self._looked = state.speed, now
        with suppress(DBAPIError):
            replay_control.begin(self._engine, self._dataset, _heartbeat(state))

    def due(self, now: float) -> bool:
        """Whether it is time for the next :meth:`poll`."""
        return now - self._looked >= LOOK_SECONDS

    def poll(self, state: ReplayState, now: float) -> tuple[Speed, bool]:
        """Store the replay's state; returns the requested speed, and whether the replay is to pause.

        Raises
        ------
        ReplayRunningError
            If the lock was lost and another replay has taken it.
        """
        self._looked = now
        try:
            if self._lock is not None:
                self._lock.keep()
            request = replay_control.heartbeat(self._engine, self._dataset, _heartbeat(state))
        except DBAPIError:
            return state.speed, state.state == "paused"
        speed = self._initial or state.speed if request.speed is None else Speed(request.speed)
        return speed, request.paused

    def end(self, state: ReplayState) -> None:
        """Store the last state of a replay that has ended."""
        with suppress(DBAPIError):
            replay_control.heartbeat(self._engine, self._dataset, _heartbeat(state))


def _heartbeat(state: ReplayState) -> Heartbeat:
    return Heartbeat(state.state, state.event_time, state.sent, state.total, state.lag, state.speed.factor)
