"""The replay: it writes a dataset's transactions into the log, paced by event time, with backpressure.

It also sends a tick at every midnight of event time and one at the end, so that decay happens on time on days without
a purchase. The dataset alone decides what is sent and in which order; the speed only decides when.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event

import msgspec
import numpy as np

from data.datasets.dataset import Dataset
from data.postgres.replay_control import State
from models.units import Ints, from_micros
from producers.control import ReplayControls, ReplayState
from producers.flow_control import FlowControl
from producers.log_writer import LogWriter
from producers.pace import STILL, EventClock, Speed, days_between

_LOOK_EVERY = 200
_NAP_SECONDS = 0.02

ShowProgress = Callable[[ReplayState], None]


@dataclass(frozen=True, slots=True)
class Section:
    """Transactions number ``start`` up to ``stop`` of a dataset, and the event time (micros) that they cover.

    ``skip`` holds customer and transaction ids that are not sent because the ledger has them.
    """

    start: int
    stop: int
    event_start: int
    event_end: int
    skip: frozenset[tuple[str, str]] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a transaction nor a tick to send."""
        return self.stop - self.start == len(self.skip) and self.event_start >= self.event_end


class SectionProgress:
    """How far a replay is in a section. Pure: wall-clock times are arguments, in seconds."""

    def __init__(self, section: Section, speed: Speed, now: float) -> None:
        self._clock = EventClock(section.event_start, speed, now)
        self._speed = speed
        self._total = section.stop - section.start - len(section.skip)
        self.sent = 0
        #: The event time (micros) of the next record.
        self.upcoming = section.event_start
        self.status: State = "running"

    def due(self, now: float) -> bool:
        """Whether the next record is due."""
        return self._clock.due(self.upcoming, now)

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
        return ReplayState(event_time, self.sent, self._total, lag, self._speed, self.status)


class Replay:
    """Sends sections of a dataset.

    :meth:`stop` ends a replay between two transactions. The replay controls pause and resume it and change its speed,
    also between two transactions.
    """

    def __init__(
        self, dataset: Dataset, writer: LogWriter, flow: FlowControl, show: ShowProgress, controls: ReplayControls
    ) -> None:
        self._dataset = dataset
        self._writer = writer
        self._flow = flow
        self._show = show
        self._controls = controls
        self._stopped = Event()
        self._occurred_at = occurred_at(dataset)

    def stop(self) -> None:
        """Make :meth:`run` return soon; safe in a signal handler."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether :meth:`stop` has been called."""
        return self._stopped.is_set()

    def run(self, section: Section, speed: Speed) -> int:
        """Send a section; returns how many transactions were sent."""
        now = time.monotonic()
        progress = SectionProgress(section, speed, now)
        self._controls.begin(self._state(progress), now)
        ended: State = "stopped"
        try:
            if self._send(section, progress) and self._wait_until_applied(progress):
                ended = "finished"
        finally:
            progress.status = ended
            self._controls.end(self._state(progress))
        return progress.sent

    def _send(self, section: Section, progress: SectionProgress) -> bool:
        """Send every record at its time; False if the replay is stopped meanwhile."""
        ticked = section.event_start
        for key, value, moment in self._encoded(section):
            for midnight in days_between(ticked, moment):
                if not self._tick(progress, midnight):
                    return False
                ticked = midnight
            if not self._wait_until(progress, moment):
                return False
            self._writer.transaction(key, value)
            progress.sent += 1
        last = [*days_between(ticked, section.event_end - 1), section.event_end]
        return all(self._tick(progress, moment) for moment in last)

    def _tick(self, progress: SectionProgress, moment: int) -> bool:
        if not self._wait_until(progress, moment):
            return False
        self._writer.tick(from_micros(moment))
        return True

    def _encoded(self, section: Section) -> Iterator[tuple[bytes, bytes, int]]:
        encode = msgspec.json.Encoder().encode
        moments = self._occurred_at[section.start : section.stop].tolist()
        for transaction, moment in zip(
            self._dataset.wire_transactions(section.start, section.stop), moments, strict=True
        ):
            if (transaction.customer_id, transaction.transaction_id) not in section.skip:
                yield transaction.customer_id.encode(), encode(transaction), moment

    def _wait_until(self, progress: SectionProgress, moment: int) -> bool:
        """Wait for event time and for the workers; False if the replay is stopped meanwhile."""
        progress.upcoming = moment
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


def occurred_at(dataset: Dataset) -> Ints:
    """Event time of every transaction in micros, ascending."""
    return np.asarray(dataset.transactions["occurred_at"].astype("int64"), dtype=np.int64)


def whole(dataset: Dataset) -> Section:
    """The section that covers a whole dataset."""
    moments = occurred_at(dataset)
    return Section(0, len(moments), int(moments[0]), int(moments[-1]))


def split(section: Section, dataset: Dataset, at: int) -> tuple[Section, Section]:
    """The parts of a section before and from a moment of event time (micros); either part may be empty."""
    moments = occurred_at(dataset)
    middle = min(max(int(np.searchsorted(moments, at)), section.start), section.stop)
    at = min(max(at, section.event_start), section.event_end)
    return (
        Section(section.start, middle, section.event_start, at, section.skip),
        Section(middle, section.stop, at, section.event_end, section.skip),
    )


def remaining(section: Section, dataset: Dataset, event_time: int, known: frozenset[tuple[str, str]]) -> Section:
    """The part of a section from ``event_time`` (micros) on, without the ``known`` customer and transaction ids."""
    _, rest = split(section, dataset, event_time)
    ids = dataset.transactions[["customer_id", "transaction_id"]].iloc[rest.start : rest.stop]
    left = frozenset(zip(ids["customer_id"], ids["transaction_id"], strict=True))
    return Section(rest.start, rest.stop, rest.event_start, rest.event_end, known & left)
