"""When silent customers change their risk state, found by bisection on what the states mean.

It shares nothing with :mod:`models.rhythm` but the parameters of a rhythm model and the moment that never comes. Days
of the seasonal clock are interpolated between its half-months, and shares and probabilities are computed as
docs/predictions.md defines them. Bisection to the microsecond finds the moment at which one has reached its border. It
is valid because shares only rise, and probabilities only fall, while a customer is silent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.rhythm.rhythm_model import RhythmModel
from models.rhythm.seasonal_clock import HORIZON_DAYS, NEVER
from models.units import MICROS_PER_DAY, Floats, Ints

_MICROS_PER_MINUTE = 60_000_000
_FIRST_YEAR, _END_YEAR = 1900, 2300
_DUE, _OVERDUE = 0.5, 0.9
_QUARTER = 90.0

Reached = Callable[[Ints], NDArray[np.bool_]]


def risk_moments(model: RhythmModel, first_at: Ints, last_at: Ints, orders: Ints) -> Ints:
    """The moments from which n customers are due, overdue and presumed lost, unless an order comes first.

    Parameters
    ----------
    first_at, last_at
        Moments of the first and last order, in microseconds, shape (n,).
    orders
        Numbers of orders, at least 1, shape (n,).

    Returns
    -------
    array of int
        Shape (n, 3), in microseconds, rounded up to the minute; ``NEVER`` for what never comes.
    """
    half_months, days = _seasonal_clock(model)
    earliest, latest = int(half_months[0]), int(half_months[-1]) - 1
    first = np.clip(first_at, earliest, latest)
    last = np.maximum(np.clip(last_at, earliest, latest), first)
    silent = _Silence(model, half_months, days, first, last, orders)
    due = silent.bisected(lambda moment: silent.share_back_by(moment) >= _DUE)
    nine_in_ten = silent.bisected(lambda moment: silent.share_back_by(moment) >= _OVERDUE)
    lost = np.maximum(silent.bisected(lambda moment: silent.p_back_at(moment) <= model.lost_below), due)
    return _whole_minutes(np.column_stack([due, np.minimum(nine_in_ten, lost), lost]))


@dataclass(frozen=True)
class _Silence:
    """n customers after their last order, on a seasonal clock."""

    model: RhythmModel
    half_months: Ints
    days: Floats
    first_at: Ints
    last_at: Ints
    orders: Ints

    def waited(self, moment: Ints) -> Floats:
        """Days of the clock from the last order to a moment."""
        return self._on_clock(moment) - self._on_clock(self.last_at)

    def share_back_by(self, moment: Ints) -> Floats:
        """The share of such customers who have ordered again by a moment, if they are alive."""
        start = self.model.buying.alpha + self._t_x
        return 1 - (start / (start + self.waited(moment))) ** self._shape

    def p_back_at(self, moment: Ints) -> Floats:
        """The calibrated P(orders within 90 days of the average season) of customers who are silent at a moment."""
        buying, calibration = self.model.buying, self.model.calibrations.within_90_days
        start = buying.alpha + self._t_x
        now = start + self.waited(moment)
        with np.errstate(over="ignore", divide="ignore"):
            odds_gone = buying.a / (buying.b + self.orders - 1) * (now / start) ** self._shape
            p = (1 - (now / (now + _QUARTER)) ** self._shape) / (1 + odds_gone)
            log_odds = calibration.shift + calibration.slope * np.log(p / (1 - p))
            return np.asarray(1 / (1 + np.exp(-log_odds)))

    def bisected(self, reached: Reached) -> Ints:
        """The first microsecond, from the last order on, at which a condition is true."""
        low, high = self.last_at - 1, np.full(len(self.last_at), self.half_months[-1] - 1)
        comes = reached(high)
        while (high - low > 1).any():
            middle = low + (high - low) // 2
            true = reached(middle) & (middle >= self.last_at)
            low, high = np.where(true, low, middle), np.where(true, middle, high)
        return np.where(comes & (self.waited(high) <= HORIZON_DAYS), high, NEVER)

    def _on_clock(self, moment: Ints) -> Floats:
        return np.asarray(np.interp(moment, self.half_months, self.days))

    @cached_property
    def _t_x(self) -> Floats:
        return self._on_clock(self.last_at) - self._on_clock(self.first_at)

    @cached_property
    def _shape(self) -> Floats:
        return np.asarray(self.model.buying.r + self.orders - 1)


def _seasonal_clock(model: RhythmModel) -> tuple[Ints, Floats]:
    """Begins of all half-months in microseconds, and the days of the clock at each, from 1970 on."""
    months = np.arange(f"{_FIRST_YEAR}-01", f"{_END_YEAR}-02", dtype="datetime64[M]")
    firsts = months.astype("datetime64[us]").astype(np.int64)
    # The begin of the last month is the end of the clock.
    begins = np.column_stack([firsts, firsts + 15 * MICROS_PER_DAY]).ravel()[:-1]
    rates = np.resize(model.clock.rates, len(begins) - 1)
    days = np.append(0.0, np.cumsum(np.diff(begins) / MICROS_PER_DAY * rates))
    return begins, days - days[np.searchsorted(begins, 0)]


def _whole_minutes(moments: Ints) -> Ints:
    return np.where(moments == NEVER, NEVER, -(-moments // _MICROS_PER_MINUTE) * _MICROS_PER_MINUTE)
