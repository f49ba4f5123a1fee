"""The Gamma-Gamma model of what customers spend on an order.

A customer's orders vary around a mean of their own, and the means of customers vary around that of all. So the mean of
a customer with few orders is pulled towards the mean of all. How much customers spend must not depend on how often
they order; docs/predictions.md has the correlation in the real data.

References
----------
Fader, P. S., Hardie, B. G. S. & Lee, K. L. (2005). RFM and CLV: using iso-value curves for customer base analysis.
Journal of Marketing Research 42(4), 415-430.
"""

import numpy as np
from msgspec import Struct

from models.units import Floats


class Spending(Struct, frozen=True):
    """Parameters of the model, all above 0; ``gamma`` is in currency units."""

    p: float
    q: float
    gamma: float

    def __post_init__(self) -> None:
        """Refuse what are no parameters."""
        if not all(np.isfinite(value) and value > 0 for value in (self.p, self.q, self.gamma)):
            raise ValueError("p, q and gamma must be finite and above 0")


def spending_log_likelihood(spending: Spending, orders: Floats, mean: Floats) -> tuple[Floats, Floats]:
    """Log-likelihood of the mean amount of each customer's orders, shape (n,), and its derivatives, shape (3, n).

    Parameters
    ----------
    orders, mean
        Number of orders and their mean amount in currency units, both above 0.

    Returns
    -------
    tuple
        The derivatives are by the logarithms of p, q and gamma.
    """
    from scipy.special import digamma, gammaln

    p, q, gamma = spending.p, spending.q, spending.gamma
    shape, total = p * orders, gamma + orders * mean
    value = (
        *(gammaln(shape + q) - gammaln(shape) - gammaln(q), q * np.log(gamma) - (shape + q) * np.log(total)),
        *((shape - 1) * np.log(mean), shape * np.log(orders)),
    )
    joint = digamma(shape + q)
    derivatives = (
        shape * (joint - digamma(shape) - np.log(total) + np.log(mean) + np.log(orders)),
        q * (joint - digamma(q) + np.log(gamma) - np.log(total)),
        q - gamma * (shape + q) / total,
    )
    return np.asarray(sum(value)), np.array(derivatives)


def expected_amount(spending: Spending, orders: Floats, spent: Floats) -> Floats:
    """The expected amount of each customer's next order in currency units, shape (n,).

    Parameters
    ----------
    orders, spent
        Number of orders, and what all of them together came to. For orders = 0 and spent = 0 the result is the mean of
        all customers.

    Raises
    ------
    ValueError
        If q is not above 1: amounts then have no mean.
    """
    if spending.q <= 1:
        raise ValueError("amounts of this distribution have no mean: q must be above 1")
    return np.asarray(spending.p * (spending.gamma + spent) / (spending.p * orders + spending.q - 1))
