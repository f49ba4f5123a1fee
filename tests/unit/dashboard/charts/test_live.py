"""The figures hold the numbers they were given."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.charts.base import ACCENT, cause_colour
from dashboard.charts.live import flow_heat_map, flow_matrix, rhythm_bars, sparkline
from dashboard.personas import Persona, Personas
from dashboard.words import CAUSES

KNOWN: Personas = {
    "best": Persona("best", "Very Best", "#00aa00"),
    "middle": Persona("middle", "Middle", "#0000aa"),
    "lost": Persona("lost", "<i>Lost</i>", "#aa0000"),
}
FLOW_COLUMNS = ["from_segment", "to_segment", "cause", "changes"]

_segments = st.sampled_from([*KNOWN, "retired"])
_flows = st.dictionaries(
    st.tuples(st.one_of(_segments, st.just("")), _segments, st.sampled_from([*CAUSES])),
    st.integers(1, 9_999),
    max_size=20,
).map(lambda found: pd.DataFrame([(*key, n) for key, n in found.items()], columns=FLOW_COLUMNS))


@given(_flows)
def test_the_matrix_loses_and_invents_no_change(flows: pd.DataFrame) -> None:
    matrix = flow_matrix(flows, KNOWN)
    assert matrix.to_numpy().sum() == flows["changes"].sum()
    for segment in {*KNOWN, *matrix.columns}:
        assert matrix[segment].sum() == flows.loc[flows["to_segment"] == segment, "changes"].sum()
        assert matrix.loc[segment].sum() == flows.loc[flows["from_segment"] == segment, "changes"].sum()


@given(_flows)
def test_the_matrix_keeps_the_order_of_the_personas_and_ends_with_the_newcomers(flows: pd.DataFrame) -> None:
    matrix = flow_matrix(flows, KNOWN)
    assert [*matrix.columns[:3]] == [*KNOWN]
    assert [*matrix.index] == [*matrix.columns, ""]


def test_the_heat_map_shows_every_count_in_its_cell() -> None:
    flows = pd.DataFrame([("best", "lost", "decay", 7), ("best", "lost", "return", 5), ("", "best", "x", 1_234)])
    heat, numbers = flow_heat_map(flows.set_axis(FLOW_COLUMNS, axis=1), KNOWN).data
    assert np.asarray(heat.text).tolist() == [[0, 0, 12], [0, 0, 0], [0, 0, 0], [1_234, 0, 0]]
    cells = zip(numbers.y, numbers.x, numbers.text, strict=True)
    assert {(int(y), int(x)): text for y, x, text in cells} == {(0, 2): "12", (3, 0): "1,234"}


def test_the_heat_map_labels_segments_with_their_names_and_colours() -> None:
    figure = flow_heat_map(pd.DataFrame([], columns=FLOW_COLUMNS), KNOWN)
    rows, columns = figure.layout.yaxis.ticktext, figure.layout.xaxis.ticktext
    assert len(rows) == 4
    assert len(columns) == 3
    assert "#00aa00" in rows[0]
    assert rows[0].endswith("Very Best")
    assert columns[0].startswith("Very<br>Best<br>")
    assert "New customer" in rows[3]


def test_a_name_is_text_and_never_markup() -> None:
    figure = flow_heat_map(pd.DataFrame([], columns=FLOW_COLUMNS), KNOWN)
    assert "<i>" not in figure.to_json().replace("\\u003c", "<").replace("\\u003e", ">")


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
        flow_heat_map(pd.DataFrame([], columns=FLOW_COLUMNS), KNOWN),
        rhythm_bars(pd.DataFrame([], columns=["at", "cause", "changes"]), 7),
        sparkline([], 5),
    ],
)
def test_every_figure_is_see_through_and_can_be_drawn_without_data(figure: go.Figure) -> None:
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.height > 0
    assert figure.to_json()
