"""Maximum likelihood of the MBG/NBD model together with the rates of its seasonal clock.

On a clock with rates s, orders at moments t_1 ... t_x have the likelihood of the model at the clock's times, times the
product of s at every order after the first. The rates of neighbouring half-months are held together by a penalty on
squared differences of their logarithms. A common factor of all rates and alpha has no influence on the likelihood; it
is chosen so that a year of the clock is as long as a year.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from models.rhythm.buying import Buying, log_likelihood
from models.rhythm.histories import Histories, Observed
from models.rhythm.seasonal_clock import CALENDAR, HALF_MONTHS, KNOTS, SeasonalClock, half_month_cells, overlaps
from models.units import Floats, Ints

#: Weight of the penalty on differences of neighbouring rates. From 0 to 20 predictions hardly differ: see "How the
#: settings were chosen" in docs/predictions.md.
SMOOTHNESS = 5.0
#: A fit needs this many customers with a second order; with fewer, four parameters are chance.
LEAST_REPEATERS = 10
# Near the fit of Online Retail II. Other starts reach the same maximum (docs/predictions.md).
_START = np.log([0.5, 50.0, 0.5, 2.0])
#: Parameters stay within e^-8 and e^12: without evidence that customers leave, b would grow forever.
_BOUNDS = [(-8.0, 12.0)] * 4
# A twentieth to twenty times the rate that a search begins with; chosen by judgement.
_RATE_BOUNDS = [(-3.0, 3.0)] * HALF_MONTHS
_LENGTHS: Ints = np.diff(KNOTS).reshape(-1, HALF_MONTHS).sum(axis=0)
#: The share of each half-month in the days of 400 years.
_SHARES: Floats = _LENGTHS / _LENGTHS.sum()


class RhythmFitError(ValueError):
    """No model of buying can be fitted; the message says why."""


class BuyingFit(NamedTuple):
    """Parameters, the clock they hold on, and the log-likelihood of all customers together."""

    buying: Buying
    clock: SeasonalClock
    log_likelihood: float


class _Sample(NamedTuple):
    """What the likelihood needs: overlaps (n, 24) with half-months, and later orders by half-month, shape (24,)."""

    x: Floats
    until_last: Floats
    until_now: Floats
    orders: Floats


def fit_buying(histories: Histories, now: int, later_orders: Ints | None = None) -> BuyingFit:
    """Fit the model on histories as they are at a moment.

    Parameters
    ----------
    later_orders
        Moments of all orders after each customer's first. Without them the clock has no seasons.

    Raises
    ------
    RhythmFitError
        If fewer than ten customers have a second order, or the moment is not after the first order of any of them.
    """
    _check(histories, now)
    end = np.full(len(histories.orders), now, dtype=np.int64)
    by_season = np.zeros(HALF_MONTHS)
    if later_orders is not None:
        by_season = np.bincount(half_month_cells(later_orders) % HALF_MONTHS, minlength=HALF_MONTHS).astype(np.float64)
    sample = _Sample(
        x=(histories.orders - 1).astype(np.float64),
        until_last=overlaps(histories.first_at, histories.last_at),
        until_now=overlaps(histories.first_at, end),
        orders=by_season,
    )
    seasonal = later_orders is not None
    found = minimize(
        _loss if seasonal else _loss_without_seasons,
        np.concatenate([_START, np.zeros(HALF_MONTHS)]) if seasonal else _START,
        args=(sample,),
        jac=True,
        method="L-BFGS-B",
        bounds=_BOUNDS + (_RATE_BOUNDS if seasonal else []),
        options={"maxiter": 5_000, "maxfun": 10_000, "ftol": 1e-14, "gtol": 1e-9},
    )
    r, alpha, a, b = np.exp(found.x[:4]).tolist()
    if not seasonal:
        buying, clock = Buying(r, alpha, a, b), CALENDAR
    else:
        # A year of the clock is as long as a year: alpha takes the unit, which changes no probability.
        unit = float(np.exp(found.x[4:]) @ _SHARES)
        buying, clock = Buying(r, alpha / unit, a, b), SeasonalClock(tuple((np.exp(found.x[4:]) / unit).tolist()))
    return BuyingFit(buying, clock, _total(buying, np.array(clock.rates), sample))


def _total(buying: Buying, rates: Floats, sample: _Sample) -> float:
    seen = Observed(sample.x, sample.until_last @ rates, sample.until_now @ rates)
    return float(log_likelihood(buying, seen).value.sum() + sample.orders @ np.log(rates))


def _loss_without_seasons(logs: Floats, sample: _Sample) -> tuple[float, Floats]:
    value, gradient = _loss(np.concatenate([logs, np.zeros(HALF_MONTHS)]), sample)
    return value, gradient[:4]


def _loss(logs: Floats, sample: _Sample) -> tuple[float, Floats]:
    """The mean negative log-likelihood with the penalties, and its gradient."""
    count, log_rates = len(sample.x), logs[4:]
    rates = np.exp(log_rates)
    buying = Buying(*np.exp(logs[:4]).tolist())
    found = log_likelihood(buying, Observed(sample.x, sample.until_last @ rates, sample.until_now @ rates))
    by_rates = (found.by_t_x @ sample.until_last + found.by_age @ sample.until_now) * rates + sample.orders
    step, mean = log_rates - np.roll(log_rates, 1), log_rates.mean()
    value = -(found.value.sum() + sample.orders @ log_rates) / count + SMOOTHNESS * (step @ step) / count + mean**2
    smooth = 2 * SMOOTHNESS * (step - np.roll(step, -1)) / count + 2 * mean / HALF_MONTHS
    return float(value), np.concatenate([-found.by_log_parameters.sum(axis=1) / count, -by_rates / count + smooth])


def _check(histories: Histories, now: int) -> None:
    repeaters = int((histories.orders > 1).sum())
    if repeaters < LEAST_REPEATERS:
        raise RhythmFitError(
            f"{repeaters} customers have ordered more than once; their rhythm can be fitted from {LEAST_REPEATERS} on"
        )
    if (histories.last_at > now).any():
        raise RhythmFitError("histories reach beyond the moment that they are fitted at")
    if not (histories.first_at < now).any():
        raise RhythmFitError("no time has passed since the first orders")
