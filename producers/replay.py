"""The replay: it sends the records of a dataset, paced by event time, with backpressure.

:mod:`producers.records` decides what is sent and in which order; the speed only decides when.
"""

import time
from collections.abc import Callable, Iterable
from threading import Event

from data.datasets.dataset import Dataset
from data.postgres.replay_control import State
from models.units import from_micros
from producers.control import ReplayControls, ReplayState
from producers.dataset_contents import occurred_at
from producers.flow_control import FlowControl
from producers.log_writer import LogWriter
from producers.pace import STILL, EventClock, RateLimit, Speed
from producers.records import ReplayRecord, records
from producers.section import Section, split, whole

__all__ = ["Replay", "Section", "SectionProgress", "ShowProgress", "occurred_at", "split", "whole"]

_LOOK_EVERY = 200
_NAP_SECONDS = 0.02

ShowProgress = Callable[[ReplayState], None]


class SectionProgress:
    """How far a replay is in a section. Pure: wall-clock times are arguments, in seconds."""

    def __init__(self, section: Section, speed: Speed, now: float, rate: float | None = None) -> None:
        self._clock = EventClock(section.event_start, speed, now)
        self._speed = speed
        self._limit = RateLimit(rate, now)
        self._total = section.count
        self.sent = 0
        #: The event time (micros) of the next record.
        self.upcoming = section.event_start
        #: Whether the next record is a transaction, to which the rate applies.
        self.limited = False
        self.status: State = "running"

    def due(self, now: float) -> bool:
        """Whether the next record is due."""
        return self._clock.due(self.upcoming, now) and not (self.limited and self._limit.holds(now))

    def note_sent(self, now: float) -> None:
        """Count a transaction that has been sent."""
        self.sent += 1
        self._limit.note(now)

    def control(self, speed: Speed, paused: bool, now: float) -> bool:
        """Set the speed, or pause, without a jump in event time; returns whether that changes anything."""
        if (speed, paused) == (self._speed, self.status == "paused"):
            return False
        self._clock = self._clock.changed(STILL if paused else speed, now, self.upcoming)
        self._speed, self.status = speed, "paused" if paused else "running"
        return True

    def state(self, now: float, lag: int) -> ReplayState:
        """The state of the replay at a wall-clock time."""
        event_time = from_micros(int(min(self._clock.event_time(now), self.upcoming)))
        return ReplayState(event_time, self.sent, max(self._total, self.sent), lag, self._speed, self.status)


class Replay:
    """Sends sections of a dataset.

    :meth:`stop` ends a replay between two transactions. The replay controls pause and resume it and change its speed,
    also between two transactions. ``rate`` limits the transactions per second.
    """

    def __init__(
        self,
        dataset: Dataset,
        writer: LogWriter,
        flow: FlowControl,
        show: ShowProgress,
        controls: ReplayControls,
        rate: float | None = None,
    ) -> None:
        self._dataset = dataset
        self._writer = writer
        self._flow = flow
        self._show = show
        self._controls = controls
        self._rate = rate
        self._stopped = Event()
        #: How many of the sent transactions the ledger had before.
        self.known = 0

    def stop(self) -> None:
        """Make :meth:`run` return soon; safe in a signal handler."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether :meth:`stop` has been called."""
        return self._stopped.is_set()

    def run(self, section: Section, speed: Speed, planned: Iterable[ReplayRecord] | None = None) -> int:
        """Send a section, or other records in its place; returns how many transactions were sent."""
        now = time.monotonic()
        progress = SectionProgress(section, speed, now, self._rate)
        self._controls.begin(self._state(progress), now)
        ended: State = "stopped"
        try:
            sent = self._send(records(self._dataset, section) if planned is None else planned, progress)
            if sent and self._wait_until_applied(progress):
                ended = "finished"
        finally:
            progress.status = ended
            self._controls.end(self._state(progress))
        return progress.sent

    def _send(self, planned: Iterable[ReplayRecord], progress: SectionProgress) -> bool:
        """Send every record at its time; False if the replay is stopped meanwhile."""
        for record in planned:
            if not self._wait_until(progress, record):
                return False
            if record.key is None:
                self._writer.tick(from_micros(record.due))
            else:
                self._writer.transaction(record.key, record.value)
                progress.note_sent(time.monotonic())
                self.known += record.known
        return True

    def _wait_until(self, progress: SectionProgress, record: ReplayRecord) -> bool:
        """Wait for event time and for the workers; False if the replay is stopped meanwhile."""
        # A record that is held back does not set event time back.
        progress.upcoming = max(progress.upcoming, record.due)
        progress.limited = record.key is not None
        if progress.sent % _LOOK_EVERY == 0 or not progress.due(time.monotonic()):
            self._show(self._state(progress))
            while not self._stopped.is_set():
                self._writer.flush(0)
                self._poll_controls(progress)
                if progress.due(time.monotonic()) and self._flow.has_room(len(self._writer)):
                    break
                self._stopped.wait(_NAP_SECONDS)
        return not self._stopped.is_set()

    def _poll_controls(self, progress: SectionProgress) -> None:
        now = time.monotonic()
        if self._controls.due(now):
            # This refreshes the lag, which would otherwise be as old as the last transaction.
            self._flow.has_room(len(self._writer))
            progress.control(*self._controls.poll(self._state(progress), now), now)
            self._show(self._state(progress))

    def _wait_until_applied(self, progress: SectionProgress) -> bool:
        """Wait until the workers have applied all records; False if the replay is stopped meanwhile."""
        progress.status = "finishing"
        while not self._stopped.is_set() and (self._writer.flush(0.1) or self._flow.lag() > 0):
            self._show(self._state(progress))
            if self._controls.due(now := time.monotonic()):
                self._controls.poll(self._state(progress), now)
            self._stopped.wait(_NAP_SECONDS)
        self._show(self._state(progress))
        return not self._stopped.is_set()

    def _state(self, progress: SectionProgress) -> ReplayState:
        return progress.state(time.monotonic(), self._flow.last_lag)
