"""Maximum likelihood of the Gamma-Gamma model."""

import numpy as np
from scipy.optimize import minimize

from models.rhythm.fit_buying import LEAST_REPEATERS, RhythmFitError
from models.rhythm.spending import Spending, spending_log_likelihood
from models.units import Floats

# In units of the mean amount. Other starts reach the same maximum (docs/predictions.md).
_START = np.log([5.0, 3.0, 1.0])
# Chosen by judgement, far beyond every fit seen: they only keep a search without a maximum from running to infinity.
_BOUNDS = [(-6.0, 8.0), (-6.0, 8.0), (-20.0, 30.0)]


def fit_spending(orders: Floats, spent: Floats) -> Spending:
    """Fit the model on the customers who have spent something.

    Parameters
    ----------
    orders, spent
        Shape (n,): number of orders, and what all of them together came to, in currency units.

    Raises
    ------
    RhythmFitError
        If fewer than ten customers with more than one order have spent something.
    """
    counted = (orders > 0) & (spent > 0)
    number, mean = orders[counted], spent[counted] / orders[counted]
    if (repeaters := int((number > 1).sum())) < LEAST_REPEATERS:
        raise RhythmFitError(
            f"{repeaters} customers have spent something in more than one order; at least {LEAST_REPEATERS} are needed"
        )
    # Amounts are divided by their mean, so that the start and the bounds suit every currency.
    unit = float(mean.mean())
    found = minimize(
        _loss,
        _START,
        args=(number, mean / unit),
        jac=True,
        method="L-BFGS-B",
        bounds=_BOUNDS,
        options={"maxiter": 5_000, "ftol": 1e-14, "gtol": 1e-9},
    )
    p, q, gamma = np.exp(found.x).tolist()
    return Spending(p, q, gamma * unit)


def _loss(logs: Floats, orders: Floats, mean: Floats) -> tuple[float, Floats]:
    value, derivatives = spending_log_likelihood(Spending(*np.exp(logs).tolist()), orders, mean)
    return float(-value.mean()), -derivatives.mean(axis=1)
