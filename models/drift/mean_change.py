"""Telling when the mean of a series has changed: ADWIN, on a series in units of its own scatter.

ADWIN (Bifet & Gavaldà 2007, Learning from time-changing data with adaptive windowing; river's implementation) looks at
every way to cut the past in two, and says so once the two parts differ by more than chance allows. Its bound is for
numbers between 0 and 1; a series is therefore put in units of the scatter that its first values show, which makes the
bound's variance term decide. How seldom it is wrong then is a matter of evidence: docs/drift.md.

ADWIN itself then drops a part of the past that is a power of two long. To tell by how much something has moved, the
likeliest place of the change is looked up, and it goes on with what came after it: one change, one alarm.
"""

from typing import Any, NamedTuple

import numpy as np

from models.units import Floats

#: Values that a series is scaled by; it can't raise anything before.
WARM_UP = 60
#: How unlikely by ADWIN's bound a difference must be by chance. Chosen from evidence: docs/drift.md.
DELTA = 1e-5


class Shift(NamedTuple):
    """The mean of a series before a change and after it, and how many values it was noticed after."""

    before: float
    after: float
    delay: int


class ChangeDetector:
    """ADWIN over one value per window. A pure fold: the same series gives the same shifts."""

    def __init__(self, delta: float = DELTA) -> None:
        self._delta = delta
        self._scale = 1.0
        # What ADWIN has seen since the last change; until there is enough of it, what it will see.
        self._stretch: list[float] = []
        self._adwin: Any = None

    @property
    def usual(self) -> float | None:
        """The mean of the present stretch; None while it is being learnt."""
        return None if self._adwin is None else float(np.mean(self._stretch))

    def update(self, value: float) -> Shift | None:
        """Take the next value; the shift, if it shows that there was one."""
        self._stretch.append(value)
        if self._adwin is None:
            if len(self._stretch) == WARM_UP:
                self._scale = float(np.std(self._stretch, ddof=1)) or 1.0
                self._begin(self._stretch)
            return None
        self._take(value)
        if not self._adwin.drift_detected:
            return None
        split = _likeliest_split(np.array(self._stretch))
        before, after = self._stretch[:split], self._stretch[split:]
        self._begin(after)
        return Shift(float(np.mean(before)), float(np.mean(after)), len(after))

    def _begin(self, values: list[float]) -> None:
        # river takes a second to import: only what observes drift pays for it.
        from river.drift import ADWIN

        detector: Any = ADWIN
        # One value a window is little: look for a change after each, and take five windows for an answer.
        self._adwin = detector(delta=self._delta, clock=1, min_window_length=5, grace_period=10)
        self._stretch = list(values)
        for value in values:
            self._take(value)

    def _take(self, value: float) -> None:
        self._adwin.update(value / self._scale)


def _likeliest_split(values: Floats) -> int:
    """Where the mean changes, if it does once: the split that leaves the least variance on both sides."""
    count = np.arange(1, len(values))
    total = np.cumsum(values)
    left, right = total[:-1] / count, (total[-1] - total[:-1]) / (len(values) - count)
    return int(np.argmax((left - right) ** 2 * count * (len(values) - count))) + 1
