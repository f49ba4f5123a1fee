"""The replay: a dataset's transactions into the log, paced by event time, held back when the worker falls behind.

A tick follows at every midnight of event time, and one at the end, so that decay fires on time whether or not
anybody buys. What is sent and in which order depends on the dataset alone; the speed only decides when.
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
    """A part of a dataset's transactions, with the event time (micros) that it covers.

    ``skip`` has the customer and transaction ids that need not be sent, since the ledger has them.
    """

    start: int
    stop: int
    event_start: int
    event_end: int
    skip: frozenset[tuple[str, str]] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to send, not even a tick."""
        return self.stop - self.start == len(self.skip) and self.event_start >= self.event_end


class Course:
    """Where a replay is on its way through a section. Pure: wall-clock seconds come in as arguments."""

    def __init__(self, section: Section, speed: Speed, now: float) -> None:
        self._clock = EventClock(section.event_start, speed, now)
        self._speed = speed
        self._total = section.stop - section.start - len(section.skip)
        self.sent = 0
        #: The next moment (micros) at which there is something to send.
        self.upcoming = section.event_start
        self.doing: State = "running"

    def due(self, now: float) -> bool:
        """Whether the next thing is to be sent."""
        return self._clock.due(self.upcoming, now)

    def steer(self, speed: Speed, paused: bool, now: float) -> bool:
        """Go on at a speed, or pause, without a jump in event time; False if nothing has changed."""
        if (speed, paused) == (self._speed, self.doing == "paused"):
            return False
        self._clock = self._clock.changed(STILL if paused else speed, now, self.upcoming)
        self._speed, self.doing = speed, "paused" if paused else "running"
        return True

    def state(self, now: float, lag: int) -> ReplayState:
        """How far it has come."""
        reached = from_micros(int(min(self._clock.reached(now), self.upcoming)))
        return ReplayState(reached, self.sent, self._total, lag, self._speed, self.doing)


class Replay:
    """Sends sections of a dataset. :meth:`stop` ends it between two transactions, after what was sent has arrived.

    Its ``reins`` hold it back, let it go on or change its speed, also between two transactions.
    """

    def __init__(
        self, dataset: Dataset, writer: LogWriter, flow: FlowControl, progress: ShowProgress, reins: ReplayControls
    ) -> None:
        self._dataset = dataset
        self._writer = writer
        self._flow = flow
        self._progress = progress
        self._reins = reins
        self._stopped = Event()
        self._occurred_at = occurred_at(dataset)

    def stop(self) -> None:
        """End :meth:`run` soon; may be called from a signal handler."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether :meth:`stop` has been called."""
        return self._stopped.is_set()

    def run(self, section: Section, speed: Speed) -> int:
        """Send a section; returns how many transactions were sent."""
        now = time.monotonic()
        course = Course(section, speed, now)
        self._reins.take(self._state(course), now)
        ended: State = "stopped"
        try:
            if self._send(section, course) and self._arrive(course):
                ended = "finished"
        finally:
            course.doing = ended
            self._reins.drop(self._state(course))
        return course.sent

    def _send(self, section: Section, course: Course) -> bool:
        """Send everything, each at its time; False when stopped meanwhile."""
        ticked = section.event_start
        for key, value, moment in self._encoded(section):
            for midnight in days_between(ticked, moment):
                if not self._tick(course, midnight):
                    return False
                ticked = midnight
            if not self._wait_until(course, moment):
                return False
            self._writer.transaction(key, value)
            course.sent += 1
        last = [*days_between(ticked, section.event_end - 1), section.event_end]
        return all(self._tick(course, moment) for moment in last)

    def _tick(self, course: Course, moment: int) -> bool:
        if not self._wait_until(course, moment):
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

    def _wait_until(self, course: Course, moment: int) -> bool:
        """Wait for event time and for the worker; False when stopped meanwhile."""
        course.upcoming = moment
        if course.sent % _LOOK_EVERY == 0 or not course.due(time.monotonic()):
            self._progress(self._state(course))
            while not self._stopped.is_set():
                self._writer.flush(0)
                self._obey(course)
                if course.due(time.monotonic()) and self._flow.open(len(self._writer)):
                    break
                self._stopped.wait(_NAP_SECONDS)
        return not self._stopped.is_set()

    def _obey(self, course: Course) -> None:
        now = time.monotonic()
        if self._reins.due(now):
            # Otherwise nobody would look at the lag until the next transaction is due.
            self._flow.open(len(self._writer))
            course.steer(*self._reins.wanted(self._state(course), now), now)
            self._progress(self._state(course))

    def _arrive(self, course: Course) -> bool:
        """Wait until the broker has everything and the worker has done it; False when stopped meanwhile."""
        course.doing = "finishing"
        while not self._stopped.is_set() and (self._writer.flush(0.1) or self._flow.lag() > 0):
            self._progress(self._state(course))
            if self._reins.due(now := time.monotonic()):
                self._reins.wanted(self._state(course), now)
            self._stopped.wait(_NAP_SECONDS)
        self._progress(self._state(course))
        return not self._stopped.is_set()

    def _state(self, course: Course) -> ReplayState:
        return course.state(time.monotonic(), self._flow.last_lag)


def occurred_at(dataset: Dataset) -> Ints:
    """Event time of every transaction in micros, ascending."""
    return np.asarray(dataset.transactions["occurred_at"].astype("int64"), dtype=np.int64)


def whole(dataset: Dataset) -> Section:
    """All of a dataset."""
    moments = occurred_at(dataset)
    return Section(0, len(moments), int(moments[0]), int(moments[-1]))


def split(section: Section, dataset: Dataset, at: int) -> tuple[Section, Section]:
    """A section up to and from a moment of event time (micros); either may be empty."""
    moments = occurred_at(dataset)
    middle = min(max(int(np.searchsorted(moments, at)), section.start), section.stop)
    at = min(max(at, section.event_start), section.event_end)
    return (
        Section(section.start, middle, section.event_start, at, section.skip),
        Section(middle, section.stop, at, section.event_end, section.skip),
    )


def remaining(section: Section, dataset: Dataset, event_time: int, known: frozenset[tuple[str, str]]) -> Section:
    """What is left of a section when everything up to ``event_time`` has been done, and what is ``known`` besides."""
    _, rest = split(section, dataset, event_time)
    ids = dataset.transactions[["customer_id", "transaction_id"]].iloc[rest.start : rest.stop]
    left = frozenset(zip(ids["customer_id"], ids["transaction_id"], strict=True))
    return Section(rest.start, rest.stop, rest.event_start, rest.event_end, known & left)
