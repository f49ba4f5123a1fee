"""The text of the page "Campaigns"."""

import re

from dashboard.campaigns import markup
from models.campaigns.compare import compare
from tests.support.campaign_outcomes import some_outcomes, until
from tests.support.money import POUNDS

COMPARISON = compare(until(some_outcomes(1), 12), 30, 1, draws=499)


def test_a_phone_shows_each_difference_in_a_row_of_its_own() -> None:
    table = markup.numbers(COMPARISON, POUNDS)
    wide = re.findall(r'<td class="sg-right sg-wide">([^<]+)</td>', table)
    below = re.findall(r'<tr class="sg-below"><td colspan="3">(.+?)</td></tr>', table)
    assert len(wide) == 4
    assert below == [f"Difference: {wide[row]}, between {wide[row + 1]}" for row in (0, 2)]


def test_a_difference_of_which_nothing_can_be_said_says_so_once() -> None:
    table = markup.numbers(compare(until(some_outcomes(1), 1), 30, 1, draws=499), POUNDS)
    assert "nothing can be said yet" in table
    assert "between nothing" not in table
