"""How long until an effect can be seen."""

import numpy as np
import pytest

from models.campaigns.compare import compare
from models.campaigns.detectable import CampaignPlan, base_share, day_seen, smallest_effect
from tests.support.campaign_outcomes import some_outcomes

PLAN = CampaignPlan(9_000, 1_000, 0.3, 30)


def test_a_larger_effect_is_seen_earlier() -> None:
    days = [day_seen(PLAN, effect) for effect in (0.06, 0.1, 0.2)]
    assert None not in days
    assert sorted(days, reverse=True) == days  # type: ignore[type-var]
    assert days[0] != days[-1]


def test_more_customers_see_smaller_effects() -> None:
    found = [smallest_effect(PLAN._replace(held_out=size)) for size in (100, 1_000, 9_000)]
    assert found[0] is not None
    assert sorted(found, reverse=True) == found  # type: ignore[type-var]


def test_the_smallest_effect_is_the_smallest() -> None:
    smallest = smallest_effect(PLAN)
    assert smallest is not None
    assert day_seen(PLAN, smallest) is not None
    assert day_seen(PLAN, smallest * 0.98) is None


def test_a_group_of_two_sees_nothing() -> None:
    assert smallest_effect(CampaignPlan(20, 2, 0.3, 30)) is None


def test_the_share_goes_on_at_its_rate() -> None:
    assert base_share(300, 1_000, 30, 30) == pytest.approx(0.3)
    assert base_share(100, 1_000, 10, 20) == pytest.approx(0.19)
    assert base_share(0, 1_000, 0, 20) == 0


def test_an_effect_that_is_just_large_enough_is_seen_by_the_end_about_as_often_as_is_said() -> None:
    plan = CampaignPlan(600, 200, 0.3, 14)
    smallest = smallest_effect(plan)
    assert smallest is not None
    seen = 0
    for seed in range(60):
        outcomes = some_outcomes(seed, customers=800, days=14, effect=smallest)
        seen += bool((compare(outcomes, 14, seed, draws=399).share.low > 0).any())
    # 80 % are 48; four standard errors are 12.
    assert seen >= 36
    assert np.isfinite(smallest)
