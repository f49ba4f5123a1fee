"""The clock as a process: one of several leads, sends the ticks that are due, and waits out faults."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Protocol

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from data.kafka.log import LogError
from data.kafka.record_writer import WriteError
from data.postgres import decay_schedule, progress
from runtime.backoff import wait_seconds
from services.clock.health import ClockHealth
from services.clock.leader import SILENCE, Leader
from services.clock.schedule import TickSchedule

log = structlog.get_logger(__name__)

#: A tick is at most this long after the moment that it is due.
LOOK_SECONDS = 0.5
#: A clock that differs more than this from Postgres' clock does not tick.
MAX_SKEW = timedelta(seconds=30)
_FLUSH_SECONDS = 30.0
_IDENTITY_SECONDS = 60.0


class ClockError(RuntimeError):
    """The clock can't tick now; the message says why."""


class TickWriter(Protocol):
    """What the clock needs of :class:`producers.log_writer.LogWriter`."""

    def tick(self, at: datetime) -> None: ...

    def flush(self, seconds: float) -> int: ...


class OpenLog(Protocol):
    """What the clock needs of :class:`producers.log_session.LogSession`."""

    @property
    def writer(self) -> TickWriter: ...

    def is_current(self) -> bool:
        """Whether the topic is still the one that was opened."""


class ClockService:
    """Sends ticks to the log while it leads.

    Parameters
    ----------
    open_log
        Opens the log for writing.
    now
        The wall clock.
    silence
        How long another clock that leads may ask Postgres nothing before this one takes over.
    """

    def __init__(
        self,
        engine: Engine,
        open_log: Callable[[], AbstractContextManager[OpenLog]],
        schedule: TickSchedule,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        silence: timedelta = SILENCE,
    ) -> None:
        self._engine = engine
        self._open_log = open_log
        self._schedule = schedule
        self._now = now
        self._leader = Leader(engine, silence)
        self._stopped = Event()
        self.health = ClockHealth()

    def stop(self) -> None:
        """Make :meth:`run` return soon; safe in a signal handler."""
        self._stopped.set()

    def run(self) -> None:
        """Tick until :meth:`stop`; wait out faults of Postgres and the broker."""
        failures = 0
        try:
            while not self._stopped.is_set():
                try:
                    self._lead()
                    failures = 0
                except (DBAPIError, LogError, WriteError, ClockError) as error:
                    self._failed(error)
                    self._stopped.wait(wait_seconds(failures))
                    failures += 1
        finally:
            self._leader.resign()

    def _lead(self) -> None:
        """Wait until this clock leads, then tick until it does not, or until the topic is another one."""
        if self._leader.leads() is None:
            self.health.looked(leads=False)
            self._stopped.wait(LOOK_SECONDS)
            return
        with self._open_log() as opened:
            self._schedule.last = progress.watermark(self._leader.connection)
            checked = time.monotonic()
            while not self._stopped.is_set():
                witness = self._leader.leads()
                if witness is None:
                    return
                self._tick_if_due(opened.writer, witness)
                self.health.looked(leads=True)
                if time.monotonic() - checked > _IDENTITY_SECONDS:
                    checked = time.monotonic()
                    if not opened.is_current():
                        log.warning("the topic was created again, or has other partitions")
                        return
                self._stopped.wait(LOOK_SECONDS)

    def _tick_if_due(self, writer: TickWriter, witness: datetime) -> None:
        now = self._now()
        if abs(now - witness) > MAX_SKEW:
            raise ClockError(
                f"this machine's clock says {now:%Y-%m-%d %H:%M:%S}, Postgres' clock {witness:%Y-%m-%d %H:%M:%S} UTC: "
                "set the clocks"
            )
        last = self._schedule.last
        change = None if last is None else decay_schedule.next_change_after(self._leader.connection, last)
        tick = self._schedule.due(now, change)
        if tick is None:
            return
        writer.tick(tick)
        if writer.flush(_FLUSH_SECONDS):
            raise ClockError("the broker does not take the ticks")
        self._schedule.last = tick
        self.health.ticked(tick)

    def _failed(self, error: Exception) -> None:
        # Another clock may be able to tick: its machine's clock may be right, or it may reach the broker.
        self._leader.resign()
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if self.health.trouble != reason:
            log.warning("the clock does not tick", reason=reason)
        self.health.failed(reason)
