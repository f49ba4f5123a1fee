"""What the customers of a campaign did since its start, day by day."""

from typing import NamedTuple

import numpy as np

from models.units import Bools, Floats, Ints


class Outcomes(NamedTuple):
    """The orders and returns of n customers during the first days of a campaign, r rows.

    Parameters
    ----------
    held_out
        Whether each customer is held out, shape (n,).
    customer
        The customer of each row, an index into ``held_out``, shape (r,).
    day
        The day of each row since the start, from 1: day 1 is the first 24 hours. Shape (r,).
    orders
        How many orders the row stands for, shape (r,).
    money
        What was spent less what was returned, in currency units, shape (r,).
    days
        How many whole days have passed; no row is of a later day.
    """

    held_out: Bools
    customer: Ints
    day: Ints
    orders: Ints
    money: Floats
    days: int

    def rows(self, chosen: Ints | Bools) -> "Outcomes":
        """The same customers and days with some of the rows, chosen by their numbers or by whether each is."""
        return self._replace(
            customer=self.customer[chosen], day=self.day[chosen], orders=self.orders[chosen], money=self.money[chosen]
        )


class Trajectories(NamedTuple):
    """The customers with a row, in the order in which they appeared, so that a later day only adds some at the end.

    Parameters
    ----------
    customer
        Indexes into the customers of the campaign, shape (m,).
    bought
        Whether each of them had ordered by the end of each day, 1 or 0, shape (m, days).
    money
        What each of them had spent by the end of each day, shape (m, days).
    """

    customer: Ints
    bought: Floats
    money: Floats


def daily(outcomes: Outcomes, values: Floats | Ints, chosen: Bools) -> Floats:
    """The running total of a value over some rows, at the end of each day; shape (days,)."""
    sums = np.bincount(outcomes.day[chosen], weights=values[chosen], minlength=outcomes.days + 1)
    return np.cumsum(sums[1:])


def first_orders(outcomes: Outcomes) -> Ints:
    """The day of each customer's first order, shape (n,); a day after the last one for those without an order."""
    first = np.full(len(outcomes.held_out), outcomes.days + 1, dtype=np.int64)
    ordered = outcomes.orders > 0
    np.minimum.at(first, outcomes.customer[ordered], outcomes.day[ordered])
    return first


def trajectories(outcomes: Outcomes) -> Trajectories:
    """What each active customer had done by the end of each day."""
    seen = np.full(len(outcomes.held_out), outcomes.days + 1, dtype=np.int64)
    np.minimum.at(seen, outcomes.customer, outcomes.day)
    active = np.flatnonzero(seen <= outcomes.days)
    customer = active[np.argsort(seen[active], kind="stable")]
    place = np.zeros(len(seen), dtype=np.int64)
    place[customer] = np.arange(len(customer))
    money = np.zeros((len(customer), outcomes.days))
    np.add.at(money, (place[outcomes.customer], outcomes.day - 1), outcomes.money)
    bought = first_orders(outcomes)[customer][:, None] <= np.arange(1, outcomes.days + 1)
    return Trajectories(customer, bought.astype(np.float64), np.cumsum(money, axis=1))
