"""The text of the segments page."""

import re
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from dashboard.segments.markup import cards, next_change
from dashboard.shared.personas import Persona
from tests.support.money import POUNDS

NOW = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
KNOWN = {"lost": Persona("lost", "Lost", "#675f6a")}


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (NOW + timedelta(days=100), "Lost 18 Mar 2012"),
        (datetime(2095, 7, 25, tzinfo=UTC), "Lost beyond two years"),
        (None, "never by time alone"),
    ],
)
def test_a_next_change_that_is_too_far_ahead_to_mean_anything_has_no_date(at: datetime | None, shown: str) -> None:
    assert re.sub(r"<[^>]*>", "", next_change(at, "lost", KNOWN, NOW)) == shown


@pytest.mark.parametrize(
    ("net", "shown"),
    [(1_200.0, "Total spend £1,200"), (-31_542.0, "Total spend -£31,542; £1,200 as the model counts it")],
)
def test_a_segment_with_debts_has_the_total_of_the_other_pages_and_that_of_the_model(net: float, shown: str) -> None:
    means = {f"{name}_{kind}": 1.0 for name in ("recency", "frequency", "monetary") for kind in ("mean", "median")}
    summary = pd.DataFrame([{"customers": 3, "total": 1_200.0, "net": net, **means}], index=["lost"])
    html = cards(summary, KNOWN, 3, POUNDS)
    assert re.search(r'<div class="sg-note">(Total spend.*?)</div>', html)[1] == shown  # type: ignore[index]
