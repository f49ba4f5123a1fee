"""What may be said of a campaign, in plain sentences."""

import numpy as np
import pytest

from models.campaigns.compare import CampaignComparison, Difference, Group
from models.campaigns.sentence import HARMED, HELPED, TOO_EARLY, UNCLEAR, decided_on, points_more, sentence, verdict


def a_comparison(
    low: list[float], high: list[float], horizon: int = 30, buyers: tuple[int, int] = (279, 24)
) -> CampaignComparison:
    """A campaign of 900 treated and 100 held-out customers whose intervals are given, day by day."""
    days = len(low)
    groups = [
        Group(size, np.full(days, float(count)), np.zeros(days), np.zeros(days))
        for size, count in zip((900, 100), buyers, strict=True)
    ]
    value = np.full(days, buyers[0] / 900 - buyers[1] / 100)
    share = Difference(value, np.array(low), np.array(high))
    return CampaignComparison(days, horizon, groups[0], groups[1], share, share)


def test_on_the_first_days_it_is_too_early_to_say_whether_it_helped() -> None:
    found = a_comparison([-0.02], [0.16])
    assert verdict(found) == TOO_EARLY
    assert sentence(found) == (
        "Of 900 treated customers 31% have bought, of 100 held out 24%: 7 points more (between -2 and 16). "
        "It is too early to say whether the campaign helped."
    )


def test_it_helped_also_if_a_later_interval_is_wider() -> None:
    found = a_comparison([-0.02, 0.01, -0.01], [0.2, 0.2, 0.2])
    assert verdict(found) == HELPED
    assert decided_on(found.share) == 2
    assert sentence(found).endswith("The campaign has helped: that is clear since day 2 of 30.")


def test_it_did_harm() -> None:
    found = a_comparison([-0.3], [-0.1], buyers=(90, 30))
    assert verdict(found) == HARMED
    assert "20 points less (between -30 and -10). The campaign has done harm" in sentence(found)


def test_at_the_end_nothing_was_seen() -> None:
    found = a_comparison([-0.02], [0.16], horizon=1)
    assert verdict(found) == UNCLEAR
    assert "can't be said" in sentence(found)


def test_before_the_first_day_is_over_there_is_nothing_to_compare() -> None:
    assert "nothing to compare yet" in sentence(a_comparison([], []))


def test_without_an_interval_none_is_shown() -> None:
    found = a_comparison([-np.inf], [np.inf])
    assert "between" not in sentence(found)
    assert "inf" not in sentence(found)


@pytest.mark.parametrize(
    ("difference", "text"), [(0.01, "1 point more"), (-0.3, "30 points less"), (0, "no difference")]
)
def test_a_difference_of_shares_is_written_in_points(difference: float, text: str) -> None:
    assert points_more(difference) == text
