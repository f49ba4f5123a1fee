"""Rates from counters: what happened between two refreshes, by the database's own clock."""

from collections import deque
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

HISTORY = 45
RECENT = timedelta(seconds=10)
# A slow replay ticks seldom: event time stands still when it has not moved for so long.
SLOW = timedelta(seconds=30)
ONE_SECOND = timedelta(seconds=1)
ONE_DAY = timedelta(days=1)


class Sample(NamedTuple):
    """The counters at one moment."""

    measured_at: datetime
    transactions: int
    event_time: datetime | None


class Pace(NamedTuple):
    """How fast the stream runs now: transactions a second, and days of event time a second; None while nobody knows."""

    transactions: float
    event_days: float | None


History = deque[Sample]


def remember(history: History | None, sample: Sample) -> History:
    """The last samples with a new one; a counter that fell belongs to another log and starts afresh."""
    if not history or sample.transactions < history[-1].transactions:
        return deque([sample], maxlen=HISTORY)
    if sample.measured_at > history[-1].measured_at:
        history.append(sample)
    return history


def rates(history: History) -> list[float]:
    """Transactions a second between neighbouring samples, n - 1 for n samples."""
    return [
        (b.transactions - a.transactions) / ((b.measured_at - a.measured_at) / ONE_SECOND) for a, b in pairwise(history)
    ]


def pace(history: History) -> Pace | None:
    """The pace over the last ten seconds, and that of event time over thirty where it is slow; None at first."""
    if len(history) < 2:
        return None
    first, last = _since(history, RECENT), history[-1]
    seconds = (last.measured_at - first.measured_at) / ONE_SECOND
    return Pace((last.transactions - first.transactions) / seconds, _event_days(history))


def _event_days(history: History) -> float | None:
    last = history[-1]
    first = _since(history, RECENT)
    ticks = {sample.event_time for sample in history if sample.measured_at >= first.measured_at}
    # None, or a single one, says little about how long a day takes.
    if len(ticks) <= 2:
        first = _since(history, SLOW)
    if last.event_time and first.event_time and last.event_time > first.event_time:
        seconds = (last.measured_at - first.measured_at) / ONE_SECOND
        return (last.event_time - first.event_time) / ONE_DAY / seconds
    return 0.0 if last.measured_at - history[0].measured_at >= RECENT else None


def _since(history: History, window: timedelta) -> Sample:
    """The oldest sample of the last ``window``, or the one before the last where that is older."""
    last = history[-1]
    first = next(sample for sample in history if last.measured_at - sample.measured_at <= window)
    return history[-2] if first is last else first
