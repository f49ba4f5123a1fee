"""The figure of upcoming slips holds the numbers it was given."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from dashboard.at_risk.slips_figures import bin_days, slip_bars
from dashboard.shared.personas import Persona, Personas
from tests.support.money import POUNDS

KNOWN: Personas = {"best": Persona("best", "Best", "#00aa00"), "new": Persona("new", "New", "#0000aa")}
# A Wednesday, the Sunday after it and the Monday after that.
DAYS = pd.DataFrame(
    [
        (datetime(2011, 6, 15, tzinfo=UTC), "best", "lost", 3, 300.0),
        (datetime(2011, 6, 15, tzinfo=UTC), "best", "new", 1, 50.0),
        (datetime(2011, 6, 19, tzinfo=UTC), "best", "lost", 2, 20.0),
        (datetime(2011, 6, 20, tzinfo=UTC), "new", "lost", 5, 10.0),
    ],
    columns=["day", "from_segment", "to_segment", "customers", "worth"],
)


def test_each_good_segment_has_its_bars_with_the_best_on_top() -> None:
    new, best = slip_bars(DAYS, KNOWN, "customers", 1, POUNDS).data
    assert (new.name, best.name) == ("New", "Best")
    assert [*best.x] == ["2011-06-15T00:00:00", "2011-06-19T00:00:00"]
    assert [*best.y] == [4, 2]
    assert best.marker.color == "#00aa00"


def test_weeks_begin_on_a_monday() -> None:
    new, best = slip_bars(DAYS, KNOWN, "worth", 7, POUNDS).data
    assert ([*best.x], [*best.y]) == (["2011-06-13T00:00:00"], [370.0])
    assert ([*new.x], [*new.y]) == (["2011-06-20T00:00:00"], [10.0])


@pytest.mark.parametrize(("horizon", "days"), [(7, 1), (90, 1), (365, 7)])
def test_a_long_horizon_is_drawn_in_weeks(horizon: int, days: int) -> None:
    assert bin_days(horizon) == days


def test_the_figure_can_be_drawn_without_data() -> None:
    assert slip_bars(DAYS.iloc[:0], KNOWN, "worth", 1, POUNDS).to_json()
