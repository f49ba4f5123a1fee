"""The replay: a dataset's transactions into the log, paced by event time, held back when the worker falls behind.

A tick follows at every midnight of event time, and one at the end, so that decay fires on time whether or not
anybody buys. What is sent and in which order depends on the dataset alone; the speed only decides when.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from threading import Event

import msgspec
import numpy as np

from data.dataset import Dataset
from models.units import Ints, from_micros
from producers.flow import FlowControl
from producers.log_writer import LogWriter
from producers.pace import EventClock, Speed, days_between

_LOOK_EVERY = 200
_NAP_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class ReplayState:
    """How far a replay has come, for a progress bar."""

    event_time: datetime
    sent: int
    total: int
    lag: int


Progress = Callable[[ReplayState], None]


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


class Replay:
    """Sends sections of a dataset. :meth:`stop` ends it between two transactions, after what was sent has arrived."""

    def __init__(self, dataset: Dataset, writer: LogWriter, flow: FlowControl, progress: Progress) -> None:
        self._dataset = dataset
        self._writer = writer
        self._flow = flow
        self._progress = progress
        self._stopped = Event()
        self._occurred_at = occurred_at(dataset)

    def stop(self) -> None:
        """End :meth:`run` soon; may be called from a signal handler."""
        self._stopped.set()

    def run(self, section: Section, speed: Speed) -> int:
        """Send a section; returns how many transactions were sent."""
        clock = EventClock(section.event_start, speed, time.monotonic())
        sent, ticked = 0, section.event_start
        for key, value, moment in self._encoded(section):
            for midnight in days_between(ticked, moment):
                if not self._wait_until(clock, midnight, sent, section):
                    return sent
                self._writer.tick(from_micros(midnight))
                ticked = midnight
            if not self._wait_until(clock, moment, sent, section):
                return sent
            self._writer.transaction(key, value)
            sent += 1
        for midnight in [*days_between(ticked, section.event_end - 1), section.event_end]:
            if not self._wait_until(clock, midnight, sent, section):
                return sent
            self._writer.tick(from_micros(midnight))
        self._arrive(section, sent)
        return sent

    def _encoded(self, section: Section) -> Iterator[tuple[bytes, bytes, int]]:
        encode = msgspec.json.Encoder().encode
        moments = self._occurred_at[section.start : section.stop].tolist()
        for transaction, moment in zip(
            self._dataset.wire_transactions(section.start, section.stop), moments, strict=True
        ):
            if (transaction.customer_id, transaction.transaction_id) not in section.skip:
                yield transaction.customer_id.encode(), encode(transaction), moment

    def _wait_until(self, clock: EventClock, moment: int, sent: int, section: Section) -> bool:
        """Wait for event time and for the worker; False when stopped meanwhile."""
        if sent % _LOOK_EVERY == 0 or clock.reached(time.monotonic()) < moment:
            self._report(moment, sent, section)
            while not self._stopped.is_set():
                self._writer.flush(0)
                if clock.reached(time.monotonic()) >= moment and self._flow.open(len(self._writer)):
                    break
                self._stopped.wait(_NAP_SECONDS)
        return not self._stopped.is_set()

    def _arrive(self, section: Section, sent: int) -> None:
        """Wait until the broker has everything and the worker has done it."""
        while not self._stopped.is_set() and (self._writer.flush(0.1) or self._flow.lag() > 0):
            self._report(section.event_end, sent, section)
            self._stopped.wait(_NAP_SECONDS)
        self._report(section.event_end, sent, section)

    def _report(self, moment: int, sent: int, section: Section) -> None:
        total = section.stop - section.start - len(section.skip)
        self._progress(ReplayState(from_micros(moment), sent, total, self._flow.last_lag))


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
