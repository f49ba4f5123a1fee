"""Maximum likelihood of a calibration: logistic regression of what happened on predicted log-odds."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from models.rhythm.calibration import Calibration, log_odds
from models.units import Floats

# Ranking and exact moments need a line that rises; how little was chosen by judgement.
_LEAST_SLOPE = 0.05
#: The weight of leaving probabilities as they are: a handful of outcomes is no reason to change them.
#: "How the settings were chosen" in docs/predictions.md compares other weights.
_CAUTION = 10.0


def fit_calibration(predicted: Floats, happened: Floats, weights: Floats | None = None) -> Calibration:
    """The line through log-odds that makes what happened most likely.

    Parameters
    ----------
    predicted
        Shape (n,): probabilities.
    happened
        Shape (n,): 1 where it happened, else 0.
    weights
        Shape (n,): how much each of them counts; by default 1.
    """
    given = log_odds(predicted)
    weight = np.ones(len(given)) if weights is None else weights

    def loss(line: Floats) -> tuple[float, Floats]:
        shift, slope = line
        new = shift + slope * given
        value = weight @ (np.logaddexp(0.0, new) - happened * new) + _CAUTION * (shift**2 + (slope - 1) ** 2)
        miss = weight * (expit(new) - happened)
        return float(value), np.array([miss.sum() + 2 * _CAUTION * shift, miss @ given + 2 * _CAUTION * (slope - 1)])

    found = minimize(
        loss, np.array([0.0, 1.0]), jac=True, method="L-BFGS-B", bounds=[(None, None), (_LEAST_SLOPE, None)]
    )
    shift, slope = found.x.tolist()
    return Calibration(shift, slope)
