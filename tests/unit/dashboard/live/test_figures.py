"""The figures hold the numbers they were given."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import plotly.graph_objects as go
import pytest

from dashboard.live.figures import rhythm_bars, sparkline
from dashboard.shared.labels import CAUSES
from dashboard.shared.plotting import ACCENT, cause_colour


def test_the_rhythm_has_one_trace_for_each_cause_with_time_alone_at_the_bottom() -> None:
    start = datetime(2011, 6, 1, tzinfo=UTC)
    rhythm = pd.DataFrame(
        [(start, "purchase", 4), (start, "decay", 9), (start + timedelta(days=2), "decay", 3)],
        columns=["at", "cause", "changes"],
    )
    decay, purchase = rhythm_bars(rhythm, 1).data
    assert (decay.name, [*decay.x], [*decay.y]) == (
        "time alone",
        ["2011-06-01T00:00:00", "2011-06-03T00:00:00"],
        [9, 3],
    )
    assert (purchase.name, [*purchase.y]) == ("bought", [4])
    assert decay.marker.color == ACCENT == cause_colour("decay")


def test_no_two_causes_share_a_colour() -> None:
    assert len({cause_colour(code) for code in [*CAUSES, "unheard of"]}) == len(CAUSES) + 1


@pytest.mark.parametrize("values", [[], [3.0], [1.0, 5.0, 2.0]])
def test_a_sparkline_ends_at_the_right_with_the_newest_value(values: list[float]) -> None:
    figure = sparkline(values, 10)
    line = figure.data[0]
    assert [*line.y] == values
    assert [*line.x] == [*range(10 - len(values), 10)]
    assert figure.layout.yaxis.range[1] > max([0.0, *values])


@pytest.mark.parametrize(
    "figure",
    [
        rhythm_bars(pd.DataFrame([], columns=["at", "cause", "changes"]), 7),
        sparkline([], 5),
    ],
)
def test_every_figure_is_transparent_and_can_be_drawn_without_data(figure: go.Figure) -> None:
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.height > 0
    assert figure.to_json()
