"""The MBG/NBD model of buying and its likelihood.

While customers are alive, they order at random with a rate of their own; after every order, the first included, they
are gone forever with a probability of their own. Rates have a Gamma(r, alpha) distribution, probabilities a
Beta(a, b) distribution. With x orders after the first, the last one at t_x, and age T, the likelihood of a customer is

    Gamma(r+x) alpha^r / Gamma(r) * B(a, b+x+1) / B(a, b) * (alpha+T)^-(r+x) * (1 + odds)
    odds = a / (b+x) * ((alpha+T) / (alpha+t_x))^(r+x)

where ``odds`` are the odds that the customer is gone.

References
----------
Batislam, E. P., Denizel, M. & Filiztekin, A. (2007). Empirical validation and comparison of models for customer base
analysis. International Journal of Research in Marketing 24(3), 201-209.
Fader, P. S., Hardie, B. G. S. & Lee, K. L. (2005). "Counting your customers" the easy way: an alternative to the
Pareto/NBD model. Marketing Science 24(2), 275-284: the BG/NBD model, in which none is gone after the first order.
"""

from typing import NamedTuple

import numpy as np
from msgspec import Struct

from models.rhythm.histories import Observed
from models.units import Floats


class Buying(Struct, frozen=True):
    """Parameters of the model, all above 0.

    Parameters
    ----------
    r, alpha
        Shape, and rate in days, of the Gamma distribution of order rates.
    a, b
        The Beta distribution of the probability to be gone after an order.
    """

    r: float
    alpha: float
    a: float
    b: float

    def __post_init__(self) -> None:
        """Refuse what are no parameters."""
        if not all(np.isfinite(value) and value > 0 for value in (self.r, self.alpha, self.a, self.b)):
            raise ValueError("r, alpha, a and b must be finite and above 0")


class Likelihood(NamedTuple):
    """Log-likelihood of each customer, shape (n,), and its derivatives.

    Parameters
    ----------
    by_log_parameters
        Shape (4, n): by the logarithms of r, alpha, a and b.
    by_t_x, by_age
        Shape (n,): by the times, which depend on the clock.
    """

    value: Floats
    by_log_parameters: Floats
    by_t_x: Floats
    by_age: Floats


def log_odds_gone(buying: Buying, seen: Observed) -> Floats:
    """Logarithm of the odds that each customer is gone, shape (n,)."""
    stretch = np.log1p((seen.age - seen.t_x) / (buying.alpha + seen.t_x))
    return np.asarray(np.log(buying.a / (buying.b + seen.x)) + (buying.r + seen.x) * stretch)


def log_likelihood(buying: Buying, seen: Observed) -> Likelihood:
    """The log-likelihood of each customer's orders, with analytic derivatives."""
    # Imported here, because only fits need scipy, and workers have none.
    from scipy.special import digamma, expit, gammaln

    r, alpha, a, b = buying.r, buying.alpha, buying.a, buying.b
    x, t_x, age = seen
    log_odds = log_odds_gone(buying, seen)
    gone = expit(log_odds)
    stretch = np.log1p((age - t_x) / (alpha + t_x))
    value = (
        *(gammaln(r + x) - gammaln(r), r * np.log(alpha) - (r + x) * np.log(alpha + age)),
        *(gammaln(a + b) - gammaln(b), gammaln(b + x + 1) - gammaln(a + b + x + 1), np.logaddexp(0.0, log_odds)),
    )
    by_age = -(r + x) / (alpha + age) * (1 - gone)
    by_t_x = -(r + x) / (alpha + t_x) * gone
    both = digamma(a + b) - digamma(a + b + x + 1)
    by_log_parameters = (
        r * (digamma(r + x) - digamma(r) + np.log(alpha) - np.log(alpha + age) + gone * stretch),
        alpha * (r / alpha + by_age + by_t_x),
        a * (both + gone / a),
        b * (both + digamma(b + x + 1) - digamma(b) - gone / (b + x)),
    )
    return Likelihood(np.asarray(sum(value)), np.array(by_log_parameters), by_t_x, by_age)
