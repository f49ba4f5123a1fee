"""Sentences about how long an effect takes to be seen."""

from models.campaigns.compare import CampaignComparison, compare
from models.campaigns.detectable import CampaignPlan
from models.campaigns.outlook import effect_sentences, plan_of, smallest_sentence
from tests.support.campaign_outcomes import some_outcomes, until


def _after(days: int) -> CampaignComparison:
    return compare(until(some_outcomes(1, customers=2_000), days), 30, 1, draws=99)


def test_before_the_campaign_the_usual_share_counts_and_later_what_was_bought() -> None:
    early, later = plan_of(_after(0), 0.5), plan_of(_after(30), 0.5)
    assert early is not None
    assert early.base_share == 0.5
    assert later is not None
    assert 0.2 < later.base_share < 0.4


def test_without_anything_known_there_is_no_plan() -> None:
    assert plan_of(_after(0), None) is None


def test_an_effect_is_seen_on_a_day_or_needs_more_customers() -> None:
    found = dict(effect_sentences(CampaignPlan(900, 100, 0.3, 30)))
    assert found["20 points"].startswith("can be seen on about day ")
    assert found["2 points"].startswith("can't be seen within 30 days: that needs ")


def test_effects_beyond_everybody_are_left_out() -> None:
    assert [effect for effect, _ in effect_sentences(CampaignPlan(900, 100, 0.92, 30))] == ["2 points", "5 points"]


def test_two_customers_show_nothing() -> None:
    assert smallest_sentence(CampaignPlan(20, 2, 0.3, 30)).endswith(
        "no effect can be seen by the end: more customers are needed."
    )
