"""Treated and held-out customers compared, on every day."""

import numpy as np
import pytest

from models.campaigns.compare import CampaignComparison, compare
from models.campaigns.outcomes import Outcomes
from tests.support.campaign_outcomes import some_outcomes, until


def _compare(outcomes: Outcomes, horizon: int = 30) -> CampaignComparison:
    return compare(outcomes, horizon, seed=3, draws=499)


def test_the_groups_are_counted_customer_by_customer_and_day_by_day() -> None:
    outcomes = some_outcomes(1)
    found = _compare(outcomes)
    for group, wanted in ((found.treated, False), (found.held_out, True)):
        members = {int(place) for place in np.flatnonzero(outcomes.held_out == wanted)}
        assert group.customers == len(members)
        for day in (1, 7, 30):
            buyers, orders, money = set(), 0, 0.0
            for customer, on, count, amount in zip(*(column.tolist() for column in outcomes[1:5]), strict=True):
                if customer in members and on <= day:
                    buyers |= {customer} if count else set()
                    orders, money = orders + count, money + amount
            assert group.buyers[day - 1] == len(buyers)
            assert group.orders[day - 1] == orders
            assert group.money[day - 1] == pytest.approx(money)
            assert group.share[day - 1] == pytest.approx(len(buyers) / len(members))


def test_the_difference_is_inside_of_its_interval() -> None:
    for seed in range(5):
        found = _compare(some_outcomes(seed, customers=60))
        for difference in (found.share, found.money):
            assert (difference.low <= difference.value).all()
            assert (difference.value <= difference.high).all()


def test_intervals_of_days_that_have_passed_stay_as_they_were() -> None:
    outcomes = some_outcomes(2)
    whole = _compare(outcomes)
    for days in (5, 17):
        early = _compare(until(outcomes, days))
        for before, after in ((early.share, whole.share), (early.money, whole.money)):
            for old, new in zip(before, after, strict=True):
                np.testing.assert_allclose(old, new[:days], rtol=1e-9)


def test_the_same_campaign_gives_the_same_intervals_whatever_the_order_of_the_rows() -> None:
    outcomes = some_outcomes(2)
    order = np.random.default_rng(0).permutation(len(outcomes.day))
    for first, second in zip(_compare(outcomes).money, _compare(outcomes.rows(order)).money, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-9)


def test_a_large_effect_is_found_and_a_large_harm_too() -> None:
    for sign, bound in ((1, "low"), (-1, "high")):
        found = _compare(some_outcomes(3, customers=2_000, share=0.5, effect=0.3 * sign))
        assert sign * getattr(found.share, bound)[-1] > 0


def test_without_days_or_with_a_group_that_is_too_small_nothing_can_be_said() -> None:
    outcomes = some_outcomes(1)
    assert _compare(until(outcomes, 0)).share.value.shape == (0,)
    alone = outcomes._replace(held_out=np.arange(400) == 0)
    assert np.isinf(_compare(alone).share.low).all()
    assert np.isinf(_compare(until(outcomes, 0)._replace(days=10)).share.high[0])


def test_without_a_buyer_nothing_is_claimed() -> None:
    nothing = until(some_outcomes(1), 0)._replace(days=30)
    found = _compare(nothing)
    assert (found.share.low <= 0).all()
    assert (found.share.high >= 0).all()
    assert np.isinf(found.money.low).all()


def test_more_days_than_the_horizon_are_refused() -> None:
    with pytest.raises(ValueError, match="30 days are more than the horizon of 14"):
        _compare(some_outcomes(1), horizon=14)


def test_false_alarms_are_rare_though_every_day_is_looked_at() -> None:
    alarms = 0
    for seed in range(200):
        found = compare(some_outcomes(seed, customers=150, days=14, held_out=0.2), 14, seed, draws=199)
        alarms += bool(((found.share.low > 0) | (found.share.high < 0)).any())
        alarms += bool(((found.money.low > 0) | (found.money.high < 0)).any())
    # 2.5 % of 400 are 10; 22 is four standard errors more.
    assert alarms <= 22


def test_draws_that_are_equal_up_to_rounding_do_not_make_false_alarms() -> None:
    # One customer in twenty buys, so that few draws differ.
    outcomes = [some_outcomes(seed, customers=120, days=14, share=0.05, held_out=0.1) for seed in range(300)]
    found = [compare(each, 14, seed, draws=799) for seed, each in enumerate(outcomes)]
    for differences in ([each.share for each in found], [each.money for each in found]):
        alarms = sum(bool(((each.low > 0) | (each.high < 0)).any()) for each in differences)
        # 2.5 % of 300 are 7.5; 18 is four standard errors more.
        assert alarms <= 18
