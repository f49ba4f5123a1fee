"""Whether customers are still customers: P(alive), and when it falls to a border."""

import numpy as np

from models.rhythm.buying import Buying, log_odds_gone
from models.rhythm.histories import Observed
from models.units import Floats


def p_alive(buying: Buying, seen: Observed) -> Floats:
    """The probability that each customer is not gone, shape (n,).

    It falls while a customer is silent.

    >>> seen = Observed(np.array([2.0]), np.array([40.0]), np.array([60.0]))
    >>> p_alive(Buying(0.7, 60.0, 0.3, 3.0), seen).round(4).tolist()
    [0.9106]
    """
    return np.exp(log_p_alive(buying, seen))


def log_p_alive(buying: Buying, seen: Observed) -> Floats:
    """The logarithm of :func:`p_alive`, which stays exact where the probability is tiny."""
    return np.asarray(-np.logaddexp(0.0, log_odds_gone(buying, seen)))


def silence_until_alive_is(buying: Buying, x: Floats, t_x: Floats, p: float) -> Floats:
    """Days of silence after the last order until P(alive) has fallen to ``p``: the inverse of :func:`p_alive`.

    Solved for the age, the odds of being gone give

        T* = (alpha + t_x) ((1-p)/p (b+x)/a)^(1/(r+x)) - alpha

    and the silence is T* - t_x.

    Returns
    -------
    array of float
        Shape (n,). 0 for customers with whom P(alive) is not above ``p`` even at the moment of the last order; infinite
        if the moment is beyond all numbers.
    """
    if not 0 < p < 1:
        raise ValueError(f"a probability between 0 and 1 is needed, not {p}")
    exponent = (np.log((1 - p) / p) + np.log((buying.b + x) / buying.a)) / (buying.r + x)
    with np.errstate(over="ignore"):
        return np.asarray(np.maximum((buying.alpha + t_x) * np.expm1(exponent), 0.0))
