"""The text of the segments page."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.segments.markup import next_change
from dashboard.shared.personas import Persona

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
