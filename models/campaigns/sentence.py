"""A campaign in plain sentences. What they say follows from the interval of the share of buyers alone."""

import math

from models.campaigns.compare import CampaignComparison, Difference
from runtime.counts import many

HELPED, HARMED, UNCLEAR, TOO_EARLY = "helped", "harmed", "unclear", "too_early"


def verdict(comparison: CampaignComparison) -> str:
    """What may be said: :data:`HELPED`, :data:`HARMED`, :data:`TOO_EARLY`, or at the end :data:`UNCLEAR`.

    A campaign has helped, or done harm, as soon as the interval of any day excludes 0: the chance that one of them does
    so without an effect is at most 2.5 %.
    """
    decided = decided_on(comparison.share)
    if decided is not None:
        return HELPED if comparison.share.low[decided - 1] > 0 else HARMED
    return UNCLEAR if comparison.days >= comparison.horizon else TOO_EARLY


def decided_on(difference: Difference) -> int | None:
    """The first day whose interval excludes 0; None if there is none."""
    for day, (low, high) in enumerate(zip(difference.low.tolist(), difference.high.tolist(), strict=True), start=1):
        if low > 0 or high < 0:
            return day
    return None


def sentence(comparison: CampaignComparison) -> str:
    """What the groups have done, the difference with its interval, and what may be said."""
    treated, held_out = comparison.treated, comparison.held_out
    if not comparison.days:
        return (
            f"{many(treated.customers, 'customer is', 'customers are')} treated, "
            f"{many(held_out.customers, 'is', 'are')} held out. "
            "The first day is not over: there is nothing to compare yet."
        )
    bought, rest = treated.share[-1], held_out.share[-1]
    interval = _interval(comparison.share)
    return (
        f"Of {many(treated.customers, 'treated customer')} {bought:.0%} have bought, of {held_out.customers:,} held "
        f"out {rest:.0%}: {points_more(bought - rest)}{interval}. {_conclusion(comparison)}"
    )


def points_more(difference: float) -> str:
    """A difference of shares in words.

    >>> points_more(0.07), points_more(-0.012), points_more(0.004)
    ('7 points more', '1 point less', 'less than 1 point apart')
    """
    points = round(100 * difference)
    if not points:
        return "less than 1 point apart" if difference else "no difference"
    return f"{many(abs(points), 'point')} {'more' if points > 0 else 'less'}"


def points(share: float) -> str:
    """A bound of a difference in points, rounded; one decimal below 1 so that a bound never seems to be 0."""
    value = 100 * share
    return f"{value:.0f}" if abs(value) >= 1 or value == 0 else f"{value:.1f}"


def _interval(difference: Difference) -> str:
    low, high = float(difference.low[-1]), float(difference.high[-1])
    return f" (between {points(low)} and {points(high)})" if math.isfinite(low) else ""


def _conclusion(comparison: CampaignComparison) -> str:
    kind = verdict(comparison)
    if kind == TOO_EARLY:
        return "It is too early to say whether the campaign helped."
    if kind == UNCLEAR:
        return "The campaign is over, and whether it helped can't be said: the groups are too small, or it did little."
    done = "has helped" if kind == HELPED else "has done harm"
    return f"The campaign {done}: that is clear since day {decided_on(comparison.share)} of {comparison.horizon}."
