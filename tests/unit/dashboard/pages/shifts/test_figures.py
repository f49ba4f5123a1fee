"""The figures of flows hold the numbers they were given."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.pages.shifts.figures import flow_heat_map, flow_matrix, money_bars, sankey, size_areas
from dashboard.shared.personas import Persona, Personas
from dashboard.shared.words import CAUSES

KNOWN: Personas = {
    "best": Persona("best", "Very Best", "#00aa00"),
    "middle": Persona("middle", "Middle", "#0000aa"),
    "lost": Persona("lost", "<i>Lost</i>", "#aa0000"),
}
FLOW_COLUMNS = ["from_segment", "to_segment", "cause", "changes", "money"]
NOTHING = pd.DataFrame([], columns=FLOW_COLUMNS)
PERIOD = (datetime(2011, 1, 1, tzinfo=UTC), datetime(2011, 2, 1, tzinfo=UTC))

_segments = st.sampled_from([*KNOWN, "retired"])
_flows = st.dictionaries(
    st.tuples(st.one_of(_segments, st.just("")), _segments, st.sampled_from([*CAUSES])),
    st.tuples(st.integers(1, 9_999), st.integers(0, 9_999_999)),
    max_size=20,
).map(lambda found: pd.DataFrame([(*key, *numbers) for key, numbers in found.items()], columns=FLOW_COLUMNS))


@given(_flows)
def test_the_matrix_loses_and_invents_no_change(flows: pd.DataFrame) -> None:
    matrix = flow_matrix(flows, KNOWN)
    assert matrix.to_numpy().sum() == flows["changes"].sum()
    for segment in {*KNOWN, *matrix.columns}:
        assert matrix[segment].sum() == flows.loc[flows["to_segment"] == segment, "changes"].sum()
        assert matrix.loc[segment].sum() == flows.loc[flows["from_segment"] == segment, "changes"].sum()
    assert flow_matrix(flows, KNOWN, "money").to_numpy().sum() == flows["money"].sum()


@given(_flows)
def test_the_matrix_keeps_the_order_of_the_personas_and_ends_with_the_newcomers(flows: pd.DataFrame) -> None:
    matrix = flow_matrix(flows, KNOWN)
    assert [*matrix.columns[:3]] == [*KNOWN]
    assert [*matrix.index] == [*matrix.columns, ""]


def test_the_heat_map_shows_every_count_in_its_cell() -> None:
    rows = [("best", "lost", "decay", 7, 1), ("best", "lost", "return", 5, 1), ("", "best", "x", 1_234, 1)]
    flows = pd.DataFrame(rows)
    heat, numbers = flow_heat_map(flows.set_axis(FLOW_COLUMNS, axis=1), KNOWN).data
    assert np.asarray(heat.text).tolist() == [[0, 0, 12], [0, 0, 0], [0, 0, 0], [1_234, 0, 0]]
    cells = zip(numbers.y, numbers.x, numbers.text, strict=True)
    assert {(int(y), int(x)): text for y, x, text in cells} == {(0, 2): "12", (3, 0): "1,234"}
    assert [[*pair] for pair in numbers.customdata] == [["best", "lost"], ["", "best"]]


def test_the_heat_map_labels_segments_with_their_names_and_colours() -> None:
    figure = flow_heat_map(NOTHING, KNOWN)
    rows, columns = figure.layout.yaxis.ticktext, figure.layout.xaxis.ticktext
    assert len(rows) == 4
    assert len(columns) == 3
    assert "#00aa00" in rows[0]
    assert rows[0].endswith("Very Best")
    assert columns[0].startswith("Very<br>Best<br>")
    assert "New customer" in rows[3]


def test_a_name_is_text_and_never_markup() -> None:
    figure = flow_heat_map(NOTHING, KNOWN)
    assert "<i>" not in figure.to_json().replace("\\u003c", "<").replace("\\u003e", ">")


@given(_flows)
def test_the_streams_of_a_sankey_carry_everybody_from_where_they_were_to_where_they_went(flows: pd.DataFrame) -> None:
    figure = sankey(flows, KNOWN).data[0]
    labels = np.array(figure.node.label)
    expected: dict[Any, int] = flows.groupby(["from_segment", "to_segment"])["changes"].sum().to_dict()
    assert len(figure.link.value) == len(expected)
    assert sum(figure.link.value) == flows["changes"].sum()
    names = {"best": "Very Best", "middle": "Middle", "lost": "&lt;i&gt;Lost&lt;/i&gt;", "retired": "Retired"}
    names[""] = "New customer"
    found = zip(labels[[*figure.link.source]], labels[[*figure.link.target]], figure.link.value, strict=True)
    assert {(a, b): n for a, b, n in found} == {(names[a], names[b]): n for (a, b), n in expected.items()}


@given(_flows)
def test_the_nodes_of_a_sankey_stand_in_the_order_of_the_personas(flows: pd.DataFrame) -> None:
    node = sankey(flows, KNOWN).data[0].node
    for side in (0.001, 0.999):
        heights = [y for x, y in zip(node.x, node.y, strict=True) if x == side]
        assert heights == sorted(heights)
        assert all(0 < y < 1 for y in heights)


def test_areas_are_stacked_with_the_best_segment_on_top_and_know_the_end_of_the_period() -> None:
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
    came, left = money_bars(flows, KNOWN).data
    assert [*came.x] == [90, 0, 700]
    assert [*left.x] == [-700, 0, 0]
    assert [*left.text] == ["£700", "", ""]


@pytest.mark.parametrize(
    "figure",
    [
        flow_heat_map(NOTHING, KNOWN),
        flow_heat_map(NOTHING, KNOWN, "money"),
        sankey(NOTHING, KNOWN),
        size_areas(pd.DataFrame(index=pd.DatetimeIndex([], tz="UTC")), KNOWN, PERIOD),
        money_bars(NOTHING, KNOWN),
    ],
)
def test_every_figure_is_see_through_and_can_be_drawn_without_data(figure: go.Figure) -> None:
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.height > 0
    assert figure.to_json()
