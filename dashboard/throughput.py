"""Rates from counters: what happened between two refreshes, by the database's own clock."""

from collections import deque
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

HISTORY = 45
RECENT = timedelta(seconds=10)
ONE_SECOND = timedelta(seconds=1)
ONE_DAY = timedelta(days=1)


class Sample(NamedTuple):
    """The counters at one moment."""

    measured_at: datetime
    transactions: int
    event_time: datetime | None


class Pace(NamedTuple):
    """How fast the stream runs now: transactions a second, and days of event time a second."""

    transactions: float
    event_days: float


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
    """The pace over the last ten seconds; None before the second sample."""
    if len(history) < 2:
        return None
    last = history[-1]
    first = next(sample for sample in history if last.measured_at - sample.measured_at <= RECENT)
    if first is last:
        first = history[-2]
    seconds = (last.measured_at - first.measured_at) / ONE_SECOND
    days = (last.event_time - first.event_time) / ONE_DAY if last.event_time and first.event_time else 0.0
    return Pace((last.transactions - first.transactions) / seconds, days / seconds)
