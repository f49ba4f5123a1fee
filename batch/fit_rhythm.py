"""Fit a rhythm model on all orders up to a moment, and calibrate it on periods that ended before that moment."""

from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from batch.order_book import OrderBook, customers_at, later_orders, orders_between
from models.rhythm.calibration import NONE, Calibration
from models.rhythm.fit_buying import BuyingFit, fit_buying
from models.rhythm.fit_calibration import fit_calibration
from models.rhythm.fit_spending import fit_spending
from models.rhythm.histories import observed
from models.rhythm.next_order import expected_orders, p_order_within
from models.rhythm.rhythm_model import FITTED_AT, HORIZONS, Calibrations, RhythmModel, build_rhythm
from models.units import MICROS_PER_DAY, Floats

#: Recent calibration periods end this many days before the moment of the fit.
RECENT_ENDS = (0, 30, 60)
#: The calibration period of the same season begins a year, in whole weeks, before the moment of the fit.
YEAR_BEFORE = 364
#: In its first months a dataset takes old customers for new ones, so calibration periods that begin then would mislead.
#: "How the settings were chosen" in docs/predictions.md compares other values of this and of the next one.
LEAST_DAYS_BEFORE_WINDOW = 270
#: A customer is presumed lost when the probability to order within 90 days is below this.
LOST_BELOW = 0.1


class CalibrationPeriod(NamedTuple):
    """Predictions at the begin of a calibration period for its days, and what then happened, each of shape (n,).

    Parameters
    ----------
    weight
        How much each of its customers counts.
    """

    weight: float
    probability: Floats
    ordered: Floats
    expected: Floats
    orders: Floats


def fit_rhythm(
    book: OrderBook, now: int, *, seasons: bool = True, calibrate: bool = True, metadata: dict[str, Any] | None = None
) -> RhythmModel:
    """Fit and calibrate a model; no order after ``now`` has an influence.

    Parameters
    ----------
    now
        In microseconds.
    seasons, calibrate
        Without seasons the clock is the calendar; without calibration the model is the plain MBG/NBD model.

    Raises
    ------
    RhythmFitError
        If too few customers have ordered twice.
    """
    # Several threads sum floats in varying order, and mostly wait for each other here.
    with threadpool_limits(limits=1):
        return _fit(book, now, seasons, calibrate, metadata or {})


def _fit(book: OrderBook, now: int, seasons: bool, calibrate: bool, metadata: dict[str, Any]) -> RhythmModel:
    customers = customers_at(book, now)
    buying = fit_buying(customers.histories, now, later_orders(book, now) if seasons else None)
    spending = fit_spending(customers.histories.orders.astype(np.float64), customers.spent)
    periods = {days: past_periods(book, buying, now, days) if calibrate else [] for days in HORIZONS}
    calibrations = Calibrations(
        within_30_days=_calibration(periods[HORIZONS[0]]),
        within_90_days=_calibration(periods[HORIZONS[1]]),
        orders=_factor(periods[HORIZONS[1]]),
    )
    notes = {
        **metadata,
        FITTED_AT: now,
        "customers": len(customers.customer),
        "log_likelihood": buying.log_likelihood,
        "calibration_windows": {str(days): len(found) for days, found in periods.items()},
        "same_season_seen": bool(calibrate and _began(book, now - YEAR_BEFORE * MICROS_PER_DAY)),
    }
    return build_rhythm(buying.buying, buying.clock, spending, calibrations, LOST_BELOW, notes)


def past_periods(book: OrderBook, fitted: BuyingFit, now: int, days: int) -> list[CalibrationPeriod]:
    """Predictions for calibration periods, which have ended, from histories as they were when each began.

    The parameters are those of now. A period shows how wrong they are about the past, and nothing else can be measured.
    Recent periods show it for customers as they are now, the period of a year before for the season to come; if there
    is one, both kinds have the same weight in all.
    """
    recent = [now - (days + back) * MICROS_PER_DAY for back in RECENT_ENDS]
    year_before = now - YEAR_BEFORE * MICROS_PER_DAY
    found = [_period(book, fitted, begin, days, 1.0) for begin in recent if _began(book, begin)]
    if _began(book, year_before):
        found.append(_period(book, fitted, year_before, days, float(max(len(found), 1))))
    return found


def _began(book: OrderBook, begin: int) -> bool:
    """Whether a calibration period begins late enough after the first order of all."""
    return begin >= int(book.moment.min()) + LEAST_DAYS_BEFORE_WINDOW * MICROS_PER_DAY


def _period(book: OrderBook, fitted: BuyingFit, begin: int, days: int, weight: float) -> CalibrationPeriod:
    end = begin + days * MICROS_PER_DAY
    customers = customers_at(book, begin)
    seen = observed(customers.histories, fitted.clock, begin)
    ahead = float(fitted.clock.between(np.array([begin]), np.array([end]))[0])
    count = orders_between(book, begin, end)[0][customers.customer].astype(np.float64)
    return CalibrationPeriod(
        weight=weight,
        probability=p_order_within(fitted.buying, seen, ahead),
        ordered=(count > 0).astype(np.float64),
        expected=expected_orders(fitted.buying, seen, ahead),
        orders=count,
    )


def _calibration(periods: list[CalibrationPeriod]) -> Calibration:
    if not periods:
        return NONE
    return fit_calibration(
        np.concatenate([period.probability for period in periods]),
        np.concatenate([period.ordered for period in periods]),
        np.concatenate([np.full(len(period.ordered), period.weight) for period in periods]),
    )


def _factor(periods: list[CalibrationPeriod]) -> float:
    """Actual orders divided by expected ones."""
    expected = sum(period.weight * float(period.expected.sum()) for period in periods)
    orders = sum(period.weight * float(period.orders.sum()) for period in periods)
    return orders / expected if expected > 0 and orders > 0 else 1.0
