"""The figures of the page "Campaigns"."""

import numpy as np
import pytest

from dashboard.campaigns import figures
from dashboard.campaigns.figures import Measure
from models.campaigns.compare import compare
from tests.support.campaign_outcomes import some_outcomes, until
from tests.support.money import POUNDS

COMPARISON = compare(until(some_outcomes(1), 12), 30, 1, draws=499)


@pytest.mark.parametrize("measure", ["share", "orders", "money"])
def test_both_groups_begin_at_nothing_and_end_with_what_they_did(measure: Measure) -> None:
    figure = figures.groups(COMPARISON, measure, POUNDS)
    treated, held_out = figure.data
    assert (treated.name, held_out.name) == ("Treated", "Held out")
    for line, group in ((treated, COMPARISON.treated), (held_out, COMPARISON.held_out)):
        assert len(line.y) == 13
        assert line.y[0] == 0
        wanted = {"share": group.share, "money": group.money_each, "orders": group.orders / group.customers}[measure]
        assert line.y[-1] == pytest.approx(wanted[-1])
    assert figure.layout.xaxis.range[1] > 30


def test_the_difference_of_shares_is_in_points_and_has_a_band_where_something_can_be_said() -> None:
    high, low, line = figures.difference(COMPARISON, "share", POUNDS).data
    known = np.isfinite(COMPARISON.share.low)
    assert 0 < known.sum() < 12
    assert len(line.y) == 12
    assert line.y[-1] == pytest.approx(100 * COMPARISON.share.value[-1])
    assert low.y == pytest.approx(100 * COMPARISON.share.low[known])
    assert high.y == pytest.approx(100 * COMPARISON.share.high[known])
    assert "nothing can be said yet" in line.customdata[0]
    assert "points (between " in line.customdata[-1]


def test_the_difference_of_money_is_in_the_currency() -> None:
    *_, line = figures.difference(COMPARISON, "money", POUNDS).data
    assert line.y[-1] == pytest.approx(COMPARISON.money.value[-1])
    assert "£" in line.customdata[-1]
