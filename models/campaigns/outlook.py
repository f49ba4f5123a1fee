"""What a campaign can show, in sentences: how long until an effect of a size can be seen."""

from models.campaigns.compare import CampaignComparison
from models.campaigns.detectable import CHANCE, CampaignPlan, base_share, day_seen, smallest_effect
from runtime.counts import many

#: Effects, in the share of buyers at the end of the horizon, for which the page says how long they take.
EFFECTS = (0.02, 0.05, 0.10, 0.20)
# Fewer held-out buyers say less about the days to come than the time before the campaign.
_ENOUGH_BUYERS = 10


def plan_of(comparison: CampaignComparison, usual: float | None) -> CampaignPlan | None:
    """The plan of a campaign as it is known by now; None if nothing is known of how many buy.

    Parameters
    ----------
    usual
        The share of the customers who bought in a usual stretch of the horizon before the start, if it is known.
    """
    held_out, treated = comparison.held_out, comparison.treated
    buyers = int(held_out.buyers[-1]) if comparison.days else 0
    share = usual
    if buyers >= _ENOUGH_BUYERS or usual is None:
        share = base_share(buyers, held_out.customers, comparison.days, comparison.horizon)
    if not share:
        return None
    return CampaignPlan(treated.customers, held_out.customers, share, comparison.horizon)


def smallest_sentence(plan: CampaignPlan) -> str:
    """The smallest effect that can be seen by the end.

    >>> smallest_sentence(CampaignPlan(900, 100, 0.3, 30)).partition(", an ")[2]
    'effect of 16 points or more can be seen by the end (with a chance of 80%).'
    """
    smallest = smallest_effect(plan)
    basis = (
        f"With {plan.treated:,} treated and {plan.held_out:,} held out, of whom about {plan.base_share:.0%} buy within "
        f"{plan.horizon} days,"
    )
    if smallest is None:
        return f"{basis} no effect can be seen by the end: more customers are needed."
    return f"{basis} an effect of {_points(smallest)} or more can be seen by the end (with a chance of {CHANCE:.0%})."


def effect_sentences(plan: CampaignPlan) -> list[tuple[str, str]]:
    """For each of :data:`EFFECTS` that is possible, its size and when it can be seen."""
    possible = [effect for effect in EFFECTS if plan.base_share + effect <= 1]
    return [(_points(effect), _when(plan, effect)) for effect in possible]


def _when(plan: CampaignPlan, effect: float) -> str:
    day = day_seen(plan, effect)
    if day is not None:
        return f"can be seen on about day {day} of {plan.horizon}"
    for times in (2, 5, 10, 20, 50, 100):
        if day_seen(plan._replace(treated=plan.treated * times, held_out=plan.held_out * times), effect) is not None:
            return f"can't be seen within {plan.horizon} days: that needs {times} times as many customers"
    return f"can't be seen within {plan.horizon} days, even with 100 times as many customers"


def _points(share: float) -> str:
    points = round(100 * share)
    return "less than 1 point" if points < 1 else many(points, "point")
