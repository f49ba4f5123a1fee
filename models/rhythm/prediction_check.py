"""Predicted against actual: how many customers were to order within some days, and how many did.

If every probability p were right and customers ordered independently, their number would have the mean sum p and the
variance sum p (1-p). Real customers share seasons and prices, and no calibration is perfect: that error is another one,
independent of chance, so both add up as variances do. Predictions count wrong if the difference is beyond that sum.
docs/predictions.md justifies the limits.
"""

from math import hypot
from typing import NamedTuple

import numpy as np

from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import RhythmModel, p_order
from models.units import Bools, Floats, Ints

#: Chance alone exceeds this many standard errors once in 370 times.
STANDARD_ERRORS = 3.0
#: And this many customers besides: the number of few customers is not normally distributed.
FEW_CUSTOMERS = 3.0
#: Calibration alone is hardly ever wrong by a larger share of the predicted number.
TOLERANCE = 0.1
TENTHS = 10


class PastCustomers(NamedTuple):
    """n customers who had ordered by a past moment: their histories then, and whether each has ordered since."""

    histories: Histories
    ordered: Bools


class Tenth(NamedTuple):
    """A tenth of the customers by prediction: its size, how many were predicted to order, and how many did."""

    customers: int
    predicted: float
    ordered: int


class PredictionCheck(NamedTuple):
    """What was predicted of customers, and what they did.

    Parameters
    ----------
    predicted
        The sum of their probabilities.
    ordered
        How many of them ordered.
    standard_error
        Of their number, if every probability were right.
    tenths
        The lowest predictions first; those without a customer are left out. None are there if only the number was
        compared.
    """

    customers: int
    predicted: float
    ordered: int
    standard_error: float
    tenths: tuple[Tenth, ...] = ()

    @property
    def allowance(self) -> float:
        """The difference, in customers, that chance or calibration may make."""
        return hypot(STANDARD_ERRORS * self.standard_error, TOLERANCE * self.predicted) + FEW_CUSTOMERS

    @property
    def is_wrong(self) -> bool:
        """Whether the predictions count wrong."""
        return abs(self.ordered - self.predicted) > self.allowance

    @property
    def is_open(self) -> bool:
        """Whether the customers are too few to show anything: no number of orders could be wrong."""
        return self.allowance >= max(self.predicted, self.customers - self.predicted)

    @property
    def edge(self) -> float:
        """The predicted number of customers plus or minus the allowance, on the side of those who ordered."""
        return self.predicted + (self.allowance if self.ordered > self.predicted else -self.allowance)


def check_past(model: RhythmModel, past: PastCustomers, begin: int, days: int) -> PredictionCheck:
    """Predict at ``begin``, in microseconds, who orders within the next 30 or 90 days, and compare."""
    return check_predictions(p_order(model, past.histories, begin, days), past.ordered)


def check_predictions(probability: Floats, ordered: Bools) -> PredictionCheck:
    """Compare predictions with what happened.

    Parameters
    ----------
    probability, ordered
        Shape (n,): each customer's predicted probability of an order, and whether there was one.
    """
    parts = (part for part in tenths(probability) if len(part))
    return check_number(probability, ordered)._replace(
        tenths=tuple(
            Tenth(len(part), float(probability[part].sum()), int(np.count_nonzero(ordered[part]))) for part in parts
        )
    )


def check_number(probability: Floats, ordered: Bools) -> PredictionCheck:
    """Compare only the number: :func:`check_predictions` without tenths, for which all predictions are sorted."""
    return PredictionCheck(
        customers=len(probability),
        predicted=float(probability.sum()),
        ordered=int(np.count_nonzero(ordered)),
        standard_error=float(np.sqrt((probability * (1 - probability)).sum())),
    )


def tenths(predicted: Floats) -> list[Ints]:
    """The rows of each tenth, lowest predictions first; equal predictions in the order of their rows."""
    return np.array_split(np.argsort(predicted, kind="stable"), TENTHS)
