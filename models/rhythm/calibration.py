"""Calibration of probabilities: a line through their log-odds, fitted where predictions could be compared with orders.

    logit P' = shift + slope * logit P,   slope > 0

The map is increasing and has an exact inverse. So it changes neither the ranking of customers nor the fact that there
is one moment at which a probability falls to a border.

References
----------
Platt, J. (1999). Probabilistic outputs for support vector machines and comparisons to regularized likelihood methods.
Advances in Large Margin Classifiers, 61-74.
"""

import numpy as np
from msgspec import Struct

from models.units import Floats

#: Probabilities closer to 0 or 1 are as good as certain, and have no useful log-odds.
_LEAST = 1e-12


class Calibration(Struct, frozen=True):
    """A line through log-odds; the slope is above 0.

    >>> Calibration(0.5, 1.2).undone(Calibration(0.5, 1.2).applied(np.array([0.25]))).round(12).tolist()
    [0.25]
    """

    shift: float
    slope: float

    def __post_init__(self) -> None:
        """Refuse a line that would turn the ranking around."""
        if not (np.isfinite(self.shift) and np.isfinite(self.slope) and self.slope > 0):
            raise ValueError("a calibration needs a finite shift and a slope above 0")

    def applied(self, p: Floats) -> Floats:
        """The calibrated probabilities, element by element."""
        return _p(self.shift + self.slope * log_odds(p))

    def undone(self, p: Floats) -> Floats:
        """The probabilities that :meth:`applied` turns into these."""
        return _p((log_odds(p) - self.shift) / self.slope)


#: Leaves probabilities as they are.
NONE = Calibration(0.0, 1.0)


def log_odds(p: Floats) -> Floats:
    """The logarithm of p / (1-p), with probabilities of 0 and 1 moved a little inside."""
    inside = np.clip(p, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _p(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-log_odds)))
