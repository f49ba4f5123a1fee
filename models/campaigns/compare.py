"""Did it help? Treated and held-out customers compared on every day, with intervals that may be looked at daily.

The intervals are repeated confidence intervals (Jennison and Turnbull, Journal of the Royal Statistical Society B
1989): with a chance of 95 % those of both measures contain the true differences on all days of a campaign. Their width
comes from drawing the holdout again, many times, and studentizing (Chung and Romano, Annals of Statistics 2013). If the
campaign has no effect on any customer, that is exact for any number of customers and however money is distributed; with
an effect it holds for large numbers. Chance is spent over the horizon, which is fixed at the start
(:mod:`models.campaigns.spending`).

A confidence sequence (Robbins, Annals of Mathematical Statistics 1970; Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
Annals of Statistics 2024) needs no horizon and pays for it: at the end its interval is wider by
more than a quarter.
"""

import zlib
from typing import NamedTuple

import numpy as np

from models.campaigns.outcomes import Outcomes, daily, first_orders, trajectories
from models.campaigns.redraw import Sums, held_out_sums
from models.campaigns.spending import allowed, boundaries
from models.units import Bools, Floats, Ints

#: With the observed holdout there are 4,000 paths, of which exactly 100 may leave (2.5 %). Something can be said from
#: the third of 30 days on; with 1,000 paths that would be the sixth. docs/campaigns.md has what was measured.
DRAWS = 3_999
# Customers who are added to each group, half of them buyers: without them, a group of which none or all have bought
# would seem to be free of chance (Agresti and Caffo, The American Statistician 2000).
_ADDED = 2
# By how many customers' worth the variance of a group leans on that of all customers: a small group without a large
# amount would seem to be free of chance. Chosen by judgement. Without an effect any value is right, as the paths are
# exchangeable; docs/campaigns.md has what was measured with this one.
_LEAN = 20


class Group(NamedTuple):
    """What the treated or the held-out customers had done by the end of each day; arrays of shape (days,).

    Parameters
    ----------
    customers
        Their number.
    buyers
        Those who had ordered at least once.
    orders
        Their orders.
    money
        What they had spent, net of returns, in currency units.
    """

    customers: int
    buyers: Floats
    orders: Floats
    money: Floats

    @property
    def share(self) -> Floats:
        """The share of buyers, 0 without customers."""
        return self.buyers / max(self.customers, 1)

    @property
    def money_each(self) -> Floats:
        """Money per customer, 0 without customers."""
        return self.money / max(self.customers, 1)


class Difference(NamedTuple):
    """Treated less held out at the end of each day, and its interval; each of shape (days,).

    The bounds are infinite as long as nothing can be said.
    """

    value: Floats
    low: Floats
    high: Floats


class CampaignComparison(NamedTuple):
    """A campaign after ``days`` whole days of ``horizon``.

    Parameters
    ----------
    share
        Of the share of buyers, from -1 to 1.
    money
        Of the money per customer, in currency units.
    """

    days: int
    horizon: int
    treated: Group
    held_out: Group
    share: Difference
    money: Difference


def seed_of(name: str) -> int:
    """The seed of the campaign of a name: everybody who looks at it sees the same intervals."""
    return zlib.crc32(name.encode())


def compare(outcomes: Outcomes, horizon: int, seed: int, draws: int = DRAWS) -> CampaignComparison:
    """Compare the groups of a campaign on every day so far.

    Parameters
    ----------
    horizon
        Days over which the campaign is looked at, fixed at its start.
    seed
        Decides the draws. The same seed on all days keeps the intervals of days that have passed.

    Raises
    ------
    ValueError
        If more days have passed than the horizon has.
    """
    if outcomes.days > horizon:
        raise ValueError(f"{outcomes.days} days are more than the horizon of {horizon}")
    groups = [_group(outcomes, chosen) for chosen in (~outcomes.held_out, outcomes.held_out)]
    treated, held_out = groups
    unknown = np.full(outcomes.days, np.inf)
    share = Difference(treated.share - held_out.share, -unknown, unknown)
    money = Difference(treated.money_each - held_out.money_each, -unknown, unknown)
    if outcomes.days and min(treated.customers, held_out.customers) > 1:
        found = trajectories(outcomes)
        sums = held_out_sums(found, outcomes.held_out, draws, seed)
        allowances = allowed(draws + 1, outcomes.days, horizon)
        everybody = Sums(found.bought.sum(axis=0), found.money.sum(axis=0), (found.money**2).sum(axis=0))
        sizes = (treated.customers, held_out.customers)
        share = _interval(share.value, *_shares(sums.bought, everybody.bought, sizes), allowances, most=1.0)
        money = _interval(money.value, *_means(sums, everybody, sizes), allowances, most=np.inf)
    return CampaignComparison(outcomes.days, horizon, treated, held_out, share, money)


def _group(outcomes: Outcomes, members: Bools) -> Group:
    rows = members[outcomes.customer]
    first = first_orders(outcomes)[members]
    buyers = np.cumsum(np.bincount(first, minlength=outcomes.days + 2)[1 : outcomes.days + 1])
    return Group(
        int(members.sum()),
        buyers.astype(np.float64),
        daily(outcomes, outcomes.orders, rows),
        daily(outcomes, outcomes.money, rows),
    )


def _shares(held_out: Floats, everybody: Floats, sizes: tuple[int, int]) -> tuple[Floats, Floats]:
    """The difference of the shares of buyers and its standard error, for each draw and day."""
    shares, variances = [], []
    for bought, size in zip((everybody - held_out, held_out), sizes, strict=True):
        share = (bought + _ADDED / 2) / (size + _ADDED)
        shares.append(share)
        variances.append(share * (1 - share) / (size + _ADDED))
    return shares[0] - shares[1], np.sqrt(variances[0] + variances[1])


def _means(held_out: Sums, everybody: Sums, sizes: tuple[int, int]) -> tuple[Floats, Floats]:
    """The difference of the money per customer and its standard error, for each draw and day."""
    customers = sum(sizes)
    common = np.maximum(everybody.squares - everybody.money**2 / customers, 0) / (customers - 1)
    means, variances = [], []
    rest = Sums(*(whole - part for whole, part in zip(everybody, held_out, strict=True)))
    for group, size in zip((rest, held_out), sizes, strict=True):
        means.append(group.money / size)
        own = np.maximum(group.squares - group.money**2 / size, 0) / (size - 1)
        variances.append((size * own + _LEAN * common) / (size + _LEAN) / size)
    return means[0] - means[1], np.sqrt(variances[0] + variances[1])


def _interval(value: Floats, differences: Floats, errors: Floats, allowances: Ints, most: float) -> Difference:
    """The interval of every day, from the differences of the draws; the first draw is the observed one."""
    statistic = np.divide(np.abs(differences), errors, out=np.zeros_like(errors), where=errors > 0)
    boundary = boundaries(statistic, allowances)
    # Where no customer has bought yet, there is no error, and nothing can be said.
    width = np.where(errors[0] > 0, boundary * np.where(errors[0] > 0, errors[0], 1), np.inf)
    low, high = differences[0] - width, differences[0] + width
    # The middle of the interval of shares is drawn to 0 a little; the observed difference is always inside.
    bounds = np.minimum(low, value), np.maximum(high, value)
    unknown = ~np.isfinite(width)
    clipped = (np.clip(bound, -most, most) for bound in bounds)
    low, high = (np.where(unknown, sign * np.inf, bound) for sign, bound in zip((-1, 1), clipped, strict=True))
    return Difference(value, low, high)
