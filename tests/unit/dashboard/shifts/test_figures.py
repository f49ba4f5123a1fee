"""The figures of flows hold the numbers they were given."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from dashboard.shared.personas import Persona, Personas
from dashboard.shifts.figures import flow_heat_map, money_bars, size_areas
from tests.support.money import POUNDS

KNOWN: Personas = {
    "best": Persona("best", "Very Best", "#00aa00"),
    "middle": Persona("middle", "Middle", "#0000aa"),
    "lost": Persona("lost", "<i>Lost</i>", "#aa0000"),
}
FLOW_COLUMNS = ["from_segment", "to_segment", "cause", "changes", "money"]
NOTHING = pd.DataFrame([], columns=FLOW_COLUMNS)
PERIOD = (datetime(2011, 1, 1, tzinfo=UTC), datetime(2011, 2, 1, tzinfo=UTC))


def test_the_heat_map_shows_every_count_in_its_cell() -> None:
    rows = [("best", "lost", "decay", 7, 1), ("best", "lost", "return", 5, 1), ("", "best", "x", 1_234, 1)]
    flows = pd.DataFrame(rows)
    heat, numbers = flow_heat_map(flows.set_axis(FLOW_COLUMNS, axis=1), KNOWN, POUNDS).data
    assert np.asarray(heat.text).tolist() == [["0", "0", "12"], ["0"] * 3, ["0"] * 3, ["1,234", "0", "0"]]
    cells = zip(numbers.y, numbers.x, numbers.text, strict=True)
    assert {(int(y), int(x)): text for y, x, text in cells} == {(0, 2): "12", (3, 0): "1,234"}
    assert [[*pair] for pair in numbers.customdata] == [["best", "lost"], ["", "best"]]


def test_the_heat_map_labels_segments_with_their_names_and_colours() -> None:
    figure = flow_heat_map(NOTHING, KNOWN, POUNDS)
    rows, columns = figure.layout.yaxis.ticktext, figure.layout.xaxis.ticktext
    assert len(rows) == 4
    assert len(columns) == 3
    assert "#00aa00" in rows[0]
    assert rows[0].endswith("Very Best")
    assert columns[0].startswith("Very<br>Best<br>")
    assert "New customer" in rows[3]


def test_a_name_is_text_and_never_markup() -> None:
    figure = flow_heat_map(NOTHING, KNOWN, POUNDS)
    assert "<i>" not in figure.to_json().replace("\\u003c", "<").replace("\\u003e", ">")


def test_areas_are_stacked_with_the_best_segment_on_top_and_mark_the_period() -> None:
    sizes = pd.DataFrame(
        {"best": [1, 2], "lost": [5, 4], "retired": [0, 1]}, index=pd.date_range("2011-01-30", periods=2, tz="UTC")
    )
    figure = size_areas(sizes, KNOWN, PERIOD)
    assert [trace.name for trace in figure.data] == ["Retired", "&lt;i&gt;Lost&lt;/i&gt;", "Very Best"]
    assert [*figure.data[-1].y] == [1, 2]
    assert [*figure.data[0].x] == ["2011-01-30", "2011-01-31"]
    assert [shape.x0 for shape in figure.layout.shapes] == ["2011-01-01", "2011-02-01"]


def test_money_comes_in_to_the_right_and_leaves_to_the_left() -> None:
    flows = pd.DataFrame(
        [("best", "lost", "decay", 7, 700.0), ("", "best", "first_purchase", 2, 90.0)], columns=FLOW_COLUMNS
    )
    came, left = money_bars(flows, KNOWN, POUNDS).data
    assert [*came.x] == [90, 0, 700]
    assert [*left.x] == [-700, 0, 0]
    assert [*left.text] == ["£700", "", ""]


@pytest.mark.parametrize(
    "figure",
    [
        flow_heat_map(NOTHING, KNOWN, POUNDS),
        flow_heat_map(NOTHING, KNOWN, POUNDS, "money"),
        size_areas(pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC")), KNOWN, PERIOD),
        money_bars(NOTHING, KNOWN, POUNDS),
    ],
)
def test_every_figure_is_transparent_and_can_be_drawn_without_data(figure: go.Figure) -> None:
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.height > 0
    assert figure.to_json()
