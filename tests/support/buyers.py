"""Simulated customers who buy as the MBG/NBD model says, drawn event by event without any closed form."""

from typing import NamedTuple

import numpy as np

from models.rhythm.buying import Buying
from models.rhythm.histories import Histories
from models.rhythm.seasonal_clock import CALENDAR, SeasonalClock
from models.units import MICROS_PER_DAY, Floats, Ints


class Population(NamedTuple):
    """All orders of a population, sorted by customer and time; ``gone_at`` is when each customer was gone, or infinite.

    Moments are microseconds; ``gone_at`` is in days of the clock.
    """

    customer: Ints
    moment: Ints
    gone_at: Floats


def population(
    buying: Buying, count: int, days: int, seed: int, clock: SeasonalClock = CALENDAR, begin: int = 0
) -> Population:
    """Customers whose first orders are spread over the first half of this many days."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(buying.r, 1 / buying.alpha, count)
    leave = rng.beta(buying.a, buying.b, count)
    end = begin + days * MICROS_PER_DAY
    at = clock.at(begin + rng.integers(0, days * MICROS_PER_DAY // 2, count))
    last = float(clock.at(np.array([end]))[0])
    gone_at = np.full(count, np.inf)
    customers, times = [], []
    active = np.arange(count)
    while len(active):
        customers.append(active)
        times.append(at[active])
        leaves = rng.random(len(active)) < leave[active]
        gone_at[active[leaves]] = at[active[leaves]]
        active = active[~leaves]
        at[active] += rng.exponential(1 / rate[active])
        active = active[at[active] <= last]
    customer, time = np.concatenate(customers), np.concatenate(times)
    order = np.lexsort((time, customer))
    epoch = np.zeros(len(time), dtype=np.int64)
    return Population(customer[order], clock.after(epoch, (time - clock.at(epoch[:1])[0]))[order], gone_at)


def histories_until(people: Population, now: int) -> tuple[Ints, Histories]:
    """The customers who had ordered by a moment, and their histories."""
    seen = people.moment <= now
    customer, first, count = np.unique(people.customer[seen], return_index=True, return_counts=True)
    moments = people.moment[seen]
    return customer, Histories(moments[first], moments[first + count - 1], count.astype(np.int64))
