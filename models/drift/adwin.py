"""Detect a change in the mean of a series: ADWIN on a standardised series.

ADWIN examines every way to split the past into two parts, and reports a change when the means of the two parts differ
by more than chance allows. Its bound assumes values between 0 and 1. A series is therefore divided by the standard
deviation of its first values, which lets the variance term decide the bound. docs/drift.md measures how often the
detector is wrong under these conditions (benchmarks/drift_evidence.py).

After a change, ADWIN drops a part of the past whose length is a power of two. To report the size of the change, this
detector finds the most likely change point instead and restarts with the values after it: one change, one alarm.

References
----------
Bifet, A., & Gavaldà, R. (2007). Learning from time-changing data with adaptive windowing. Proceedings of the 2007 SIAM
International Conference on Data Mining. The implementation is ``river.drift.ADWIN``.
"""

from typing import Any, NamedTuple

import numpy as np

from models.units import Floats

#: Number of values that the scale of a series is estimated from; there is no alarm before. By judgement: see "How the
#: settings were chosen" in docs/drift.md.
WARM_UP = 60
#: ADWIN's confidence parameter: how unlikely, by its bound, a difference must be. Lower raises fewer false alarms and
#: detects later. Evidence: benchmarks/drift_evidence.py, "How the settings were chosen" in docs/drift.md.
DELTA = 1e-5


class Shift(NamedTuple):
    """The mean of a series before and after a change, and how many values after it the change was detected."""

    before: float
    after: float
    delay: int


class StandardisedAdwin:
    """ADWIN over one value per observed day. A pure fold: the same series gives the same shifts.

    Examples
    --------
    >>> detector = StandardisedAdwin()
    >>> series = np.random.default_rng(1).normal(100.0, 5.0, 150)
    >>> series[100:] += 20.0
    >>> shifts = [shift for value in series.tolist() if (shift := detector.update(value))]
    >>> [(round(shift.before), round(shift.after), shift.delay) for shift in shifts]
    [(100, 120, 12)]
    """

    def __init__(self, delta: float = DELTA) -> None:
        self._delta = delta
        self._scale = 1.0
        # The values since the last change; before the warm-up is complete, the values that ADWIN will start with.
        self._recent: list[float] = []
        self._adwin: Any = None

    @property
    def mean(self) -> float | None:
        """Mean of the values since the last change; None during the warm-up."""
        return None if self._adwin is None else float(np.mean(self._recent))

    def update(self, value: float) -> Shift | None:
        """Add the next value; returns a shift if this value reveals one."""
        self._recent.append(value)
        if self._adwin is None:
            if len(self._recent) == WARM_UP:
                self._scale = float(np.std(self._recent, ddof=1)) or 1.0
                self._restart(self._recent)
            return None
        self._add(value)
        if not self._adwin.drift_detected:
            return None
        split = _change_point(np.array(self._recent))
        before, after = self._recent[:split], self._recent[split:]
        self._restart(after)
        return Shift(float(np.mean(before)), float(np.mean(after)), len(after))

    def _restart(self, values: list[float]) -> None:
        # Imported here because river takes a second to import and only drift observers need it.
        from river.drift import ADWIN

        detector: Any = ADWIN
        # There are few values, one per window: test after each one, and accept parts of only five windows. The evidence
        # in docs/drift.md was measured with these settings.
        self._adwin = detector(delta=self._delta, clock=1, min_window_length=5, grace_period=10)
        self._recent = list(values)
        for value in values:
            self._add(value)

    def _add(self, value: float) -> None:
        self._adwin.update(value / self._scale)


def _change_point(values: Floats) -> int:
    """The most likely place of a single change of the mean: the split with the least variance within its parts."""
    count = np.arange(1, len(values))
    total = np.cumsum(values)
    left, right = total[:-1] / count, (total[-1] - total[:-1]) / (len(values) - count)
    return int(np.argmax((left - right) ** 2 * count * (len(values) - count))) + 1
