"""Rates from counters that were read at every refresh, by the database's own clock."""

from collections import deque
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

HISTORY = 45
RECENT = timedelta(seconds=10)
# A slow replay has few ticks, so the speed of event time is measured over a longer time.
SLOW = timedelta(seconds=30)
ONE_SECOND = timedelta(seconds=1)
ONE_DAY = timedelta(days=1)


class ThroughputSample(NamedTuple):
    """The counters at one refresh."""

    measured_at: datetime
    transactions: int
    watermark: datetime | None


class Pace(NamedTuple):
    """Transactions per second, and days of event time per second; None while that is not known yet."""

    transactions: float
    event_days: float | None


Samples = deque[ThroughputSample]


def remember(history: Samples | None, sample: ThroughputSample) -> Samples:
    """The last samples and a new one; a counter that fell belongs to another log, so earlier samples are dropped."""
    if not history or sample.transactions < history[-1].transactions:
        return deque([sample], maxlen=HISTORY)
    if sample.measured_at > history[-1].measured_at:
        history.append(sample)
    return history


def rates(history: Samples) -> list[float]:
    """Transactions per second between neighbouring samples, n - 1 for n samples."""
    return [
        (b.transactions - a.transactions) / ((b.measured_at - a.measured_at) / ONE_SECOND) for a, b in pairwise(history)
    ]


def pace(history: Samples) -> Pace | None:
    """The pace over the last ten seconds, and that of a slow event time over thirty; None before the second sample."""
    if len(history) < 2:
        return None
    first, last = _since(history, RECENT), history[-1]
    seconds = (last.measured_at - first.measured_at) / ONE_SECOND
    return Pace((last.transactions - first.transactions) / seconds, _event_days(history))


def _event_days(history: Samples) -> float | None:
    last = history[-1]
    first = _since(history, RECENT)
    ticks = {sample.watermark for sample in history if sample.measured_at >= first.measured_at}
    # With fewer than two ticks the speed cannot be measured.
    if len(ticks) <= 2:
        first = _since(history, SLOW)
    if last.watermark and first.watermark and last.watermark > first.watermark:
        seconds = (last.measured_at - first.measured_at) / ONE_SECOND
        return (last.watermark - first.watermark) / ONE_DAY / seconds
    return 0.0 if last.measured_at - history[0].measured_at >= RECENT else None


def _since(history: Samples, window: timedelta) -> ThroughputSample:
    """The oldest sample of the last ``window``, or the one before the last where that is older."""
    last = history[-1]
    first = next(sample for sample in history if last.measured_at - sample.measured_at <= window)
    return history[-2] if first is last else first
