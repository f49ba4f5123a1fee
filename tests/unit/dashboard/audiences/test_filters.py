"""What the boxes of the page Audiences can hold."""

import pytest

from dashboard.audiences.filters import can_show
from models.audience_text import parse


@pytest.mark.parametrize(
    "text",
    [
        "everyone",
        "net_spend >= 2000000000 and net_spend <= 999999999999.25",
        "at_stake >= -3.5",
        "frequency >= 999999999",
    ],
)
def test_ordinary_numbers_of_any_currency_fit(text: str) -> None:
    assert can_show(parse(text))


@pytest.mark.parametrize("text", ["net_spend >= 999999999999999999", "net_spend <= 99999999999999.0001"])
def test_a_number_that_would_change_or_disappear_in_a_box_does_not_fit(text: str) -> None:
    assert not can_show(parse(text))
