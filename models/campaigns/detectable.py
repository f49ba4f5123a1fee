"""How long until an effect can be seen: before a campaign from its sizes, and during it from what has been bought."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from models.campaigns.spending import allowed, boundaries
from models.units import Floats

#: "Can be seen" means: with this chance, the interval excludes 0 by that day.
CHANCE = 0.8
# The normal quantile of CHANCE.
_ONE_SIDED_Z = 0.8416
# As many as models.campaigns.compare has, so that boundaries begin on the same day. Any seed does.
_PATHS = 4_000
_SEED = 17
# Halvings of an interval from 0 to 1: floats have no smaller difference.
_STEPS = 60


class CampaignPlan(NamedTuple):
    """What decides how soon an effect can be seen.

    Parameters
    ----------
    treated, held_out
        Customers in the groups.
    base_share
        The share of the held-out customers who will have bought by the end, from 0 to 1.
    horizon
        Days.
    """

    treated: int
    held_out: int
    base_share: float
    horizon: int


def base_share(buyers: int, customers: int, days: int, horizon: int) -> float:
    """The share who will have bought by the end, if they go on as in the first days; 0 before the first one."""
    if days < 1 or customers < 1:
        return 0.0
    return float(1 - (1 - buyers / customers) ** (horizon / days))


def day_seen(plan: CampaignPlan, effect: float) -> int | None:
    """The first day on which an effect can be seen; None if that is not before the horizon ends.

    Parameters
    ----------
    effect
        Treated less held out in the share of buyers, at the end of the horizon. On earlier days it is as much smaller
        as the share of buyers is.
    """
    seen = np.flatnonzero(_effects(plan, effect) >= _needed(plan, effect))
    return int(seen[0]) + 1 if len(seen) else None


def smallest_effect(plan: CampaignPlan) -> float | None:
    """The smallest effect, as in :func:`day_seen`, that can be seen by the end; None if none can."""
    low, high = 0.0, 1 - plan.base_share
    if high <= 0 or day_seen(plan, high) is None:
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if day_seen(plan, middle) is not None else (middle, high)
    return high


def _effects(plan: CampaignPlan, effect: float) -> Floats:
    growth = _growth(plan)
    return np.asarray(effect * growth / growth[-1])


def _needed(plan: CampaignPlan, effect: float) -> Floats:
    """The effect that can be seen on each day: the boundary and the usual error, in standard errors."""
    base = plan.base_share * _growth(plan) / _growth(plan)[-1]
    shares = (np.clip(base + _effects(plan, effect), 0, 1), base)
    sizes = (plan.treated, plan.held_out)
    error = np.sqrt(sum(share * (1 - share) / max(size, 1) for share, size in zip(shares, sizes, strict=True)))
    return np.asarray((_boundary(plan.horizon, round(plan.base_share, 2)) + _ONE_SIDED_Z) * error)


def _growth(plan: CampaignPlan) -> Floats:
    """How the share of buyers grows over the days, up to a factor: at a steady rate among those who have not bought."""
    days = np.arange(1, plan.horizon + 1) / plan.horizon
    rest = min(max(1 - plan.base_share, 1e-9), 1 - 1e-9)
    return np.asarray(1 - rest**days)


@lru_cache(maxsize=256)
def _boundary(horizon: int, share: float) -> Floats:
    """The boundaries to be expected, in standard errors, from simulated paths of many customers without an effect.

    The share of buyers is a Brownian bridge on the scale of the share itself.
    """
    plan = CampaignPlan(1, 1, min(max(share, 0.01), 0.99), horizon)
    odds = _growth(plan) / (1 - _growth(plan))
    steps = np.sqrt(np.diff(odds, prepend=0.0))
    walks = np.cumsum(np.random.default_rng(_SEED).normal(size=(_PATHS, horizon)) * steps, axis=1)
    return boundaries(np.abs(walks / np.sqrt(odds)), allowed(_PATHS, horizon, horizon))
