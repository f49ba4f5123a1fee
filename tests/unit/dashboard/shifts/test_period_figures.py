"""Revenue by segment over time."""

import pandas as pd
import pytest

from dashboard.shared.personas import personas
from dashboard.shifts.period_figures import MOST_LABELS, revenue_bars
from tests.support.generated_tables import a_model
from tests.support.money import POUNDS

KNOWN = personas(a_model())


@pytest.mark.parametrize("number", [1, 7, 8, 9, 16, 17, 104])
def test_labels_are_few_and_short_enough_for_a_phone(number: int) -> None:
    months = pd.date_range("2009-12-01", periods=number, freq="MS")
    labels = [f"{month:%b %Y}" for month in months]
    matrix = pd.DataFrame(dict.fromkeys(KNOWN, 1.0), index=labels)
    axis = revenue_bars(matrix, KNOWN, POUNDS).layout.xaxis
    assert MOST_LABELS / 2 < len(axis.tickvals) <= MOST_LABELS or len(axis.tickvals) == number
    assert axis.tickvals[0] == "Dec 2009"
    assert axis.ticktext[0] == "Dec<br>2009"


def test_it_can_be_drawn_without_data() -> None:
    assert revenue_bars(pd.DataFrame(columns=[*KNOWN], dtype=float), KNOWN, POUNDS).to_json()
