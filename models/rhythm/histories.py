"""What the model of buying has to know of a customer: three numbers, which a profile has anyway."""

from typing import NamedTuple

import numpy as np

from models.rhythm.seasonal_clock import SeasonalClock
from models.units import Floats, Ints


class Histories(NamedTuple):
    """The histories of n customers who have bought, each of shape (n,).

    Parameters
    ----------
    first_at, last_at
        Moments of the first and last order, in microseconds.
    orders
        Number of orders, at least 1.
    """

    first_at: Ints
    last_at: Ints
    orders: Ints


class Observed(NamedTuple):
    """Histories on a clock, as the literature writes them; each of shape (n,).

    Parameters
    ----------
    x
        Orders after the first one.
    t_x
        Days from the first to the last order.
    age
        Days from the first order to now; T in the literature.
    """

    x: Floats
    t_x: Floats
    age: Floats


def observed(histories: Histories, clock: SeasonalClock, now: int) -> Observed:
    """Histories as they are at a moment that is not before any last order."""
    at_first, at_last = clock.at(histories.first_at), clock.at(histories.last_at)
    age = clock.at(np.array([now]))[0] - at_first
    return Observed((histories.orders - 1).astype(np.float64), at_last - at_first, np.maximum(age, at_last - at_first))


def at_last_order(histories: Histories, clock: SeasonalClock) -> Observed:
    """Histories as they are at the moment of each customer's last order: age = t_x."""
    t_x = clock.between(histories.first_at, histories.last_at)
    return Observed((histories.orders - 1).astype(np.float64), t_x, t_x)
