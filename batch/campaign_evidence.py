"""Whether the page "Campaigns" is right: campaigns with a planted effect, looked at on every day.

Both futures of every customer are made here, the one with the campaign and the one without it. So the true difference
is counted, not estimated, and with nothing that is tested.
"""

from datetime import datetime
from typing import NamedTuple

import numpy as np

from batch.order_book import OrderBook
from models.campaigns.assignment import assign
from models.campaigns.compare import Difference, compare
from models.campaigns.outcomes import Outcomes
from models.units import MICROS_PER_DAY, MONEY_UNITS, Bools, Floats, Ints, to_micros


class Future(NamedTuple):
    """What n customers would do during a campaign; the rows are as in :class:`Outcomes`."""

    customer: Ints
    day: Ints
    orders: Ints
    money: Floats


class Futures(NamedTuple):
    """The two futures of n customers, and the true differences by the end of each day, of shape (days,)."""

    customers: int
    without: Future
    added: Future
    share: Floats
    money: Floats


class CheckedIntervals(NamedTuple):
    """What the intervals of one campaign said.

    Parameters
    ----------
    alarm
        Whether the interval of any day excluded 0.
    covered
        Whether the intervals of all days contained the true difference.
    width
        Half of the last interval, in the unit of the difference.
    """

    alarm: bool
    covered: bool
    width: float


class CheckedCampaign(NamedTuple):
    """What was said of one campaign: of the share of buyers, and of the money per customer."""

    share: CheckedIntervals
    money: CheckedIntervals


def futures(book: OrderBook, begin: datetime, horizon: int, effect: float, seed: int) -> Futures:
    """What customers who have ordered before do in a shop, and what a campaign would add.

    A campaign makes some of those buy who would not have bought within the horizon, each on a random day for the price
    of a random order. As many are chosen by chance as give ``effect`` on the average.
    """
    rng = np.random.default_rng(seed)
    start = to_micros(begin)
    known = np.unique(book.customer[(book.moment <= start) & (book.is_order == 1)])
    place = np.full(len(book.customer_ids), -1, dtype=np.int64)
    place[known] = np.arange(len(known))
    within = (book.moment > start) & (book.moment <= start + horizon * MICROS_PER_DAY) & (place[book.customer] >= 0)
    without = Future(
        place[book.customer[within]],
        -((start - book.moment[within]) // MICROS_PER_DAY),
        book.is_order[within],
        book.units[within] / MONEY_UNITS,
    )
    silent = np.setdiff1d(np.arange(len(known)), without.customer[without.orders > 0])
    chance = effect * len(known) / max(len(silent), 1)
    moved = silent[rng.random(len(silent)) < chance]
    prices = book.units[book.is_order == 1] / MONEY_UNITS
    added = Future(
        moved,
        rng.integers(1, horizon + 1, len(moved)),
        np.ones(len(moved), dtype=np.int64),
        rng.choice(prices, len(moved)),
    )
    return _futures(len(known), without, added, horizon)


def simulated(customers: int, share: float, effect: float, spread: float, horizon: int, seed: int) -> Futures:
    """Customers without a shop, each with at most one order, so that campaigns can be small and amounts uneven.

    Parameters
    ----------
    share
        How many buy without the campaign, from 0 to 1.
    spread
        The standard deviation of the logarithm of the amounts.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.random(customers)
    day, money = rng.integers(1, horizon + 1, customers), np.exp(rng.normal(3, spread, customers))
    parts = [np.flatnonzero(drawn < share), np.flatnonzero((drawn >= share) & (drawn < share + effect))]
    rows = [Future(part, day[part], np.ones(len(part), dtype=np.int64), money[part]) for part in parts]
    return _futures(customers, rows[0], rows[1], horizon)


def _futures(customers: int, without: Future, added: Future, horizon: int) -> Futures:
    days = range(1, horizon + 1)
    share = np.array([np.count_nonzero(added.day <= day) for day in days]) / customers
    money = np.array([added.money[added.day <= day].sum() for day in days]) / customers
    return Futures(customers, without, added, share, money)


def campaign(found: Futures, horizon: int, share: float, key: bytes) -> CheckedCampaign:
    """Run one campaign: hold customers out, look on every day, and compare with the truth."""
    held_out = assign(key, "evidence", map(str, range(found.customers)), share).held_out
    comparison = compare(observed(found, held_out, horizon), horizon, int.from_bytes(key[:4], "big"))
    return CheckedCampaign(
        _checked(comparison.share, found.share),
        _checked(comparison.money, found.money),
    )


def observed(found: Futures, held_out: Bools, days: int) -> Outcomes:
    """What is seen: the treated customers' future with the campaign, the held-out customers' without it."""
    treated = ~held_out[found.added.customer]
    before, added = found.without, found.added
    return Outcomes(
        held_out,
        np.concatenate([before.customer, added.customer[treated]]),
        np.concatenate([before.day, added.day[treated]]),
        np.concatenate([before.orders, added.orders[treated]]),
        np.concatenate([before.money, added.money[treated]]),
        days,
    )


def _checked(difference: Difference, truth: Floats) -> CheckedIntervals:
    low, high = difference.low, difference.high
    return CheckedIntervals(
        alarm=bool(((low > 0) | (high < 0)).any()),
        covered=bool(((low <= truth) & (truth <= high)).all()),
        width=float(high[-1] - low[-1]) / 2,
    )
