"""The matrix and the streams hold the numbers that they were given."""

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from dashboard.shared.flow_figures import flow_matrix, sankey
from dashboard.shared.labels import CAUSES
from dashboard.shared.personas import Persona, Personas
from tests.support.money import POUNDS

KNOWN: Personas = {
    "best": Persona("best", "Very Best", "#00aa00"),
    "middle": Persona("middle", "Middle", "#0000aa"),
    "lost": Persona("lost", "<i>Lost</i>", "#aa0000"),
}
FLOW_COLUMNS = ["from_segment", "to_segment", "cause", "changes", "money"]
NOTHING = pd.DataFrame([], columns=FLOW_COLUMNS)
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


@given(_flows)
def test_the_links_of_a_sankey_are_the_moves_between_its_segments(flows: pd.DataFrame) -> None:
    figure = sankey(flows, KNOWN, POUNDS).data[0]
    labels = np.array(figure.node.label)
    expected: dict[Any, int] = flows.groupby(["from_segment", "to_segment"])["changes"].sum().to_dict()
    assert len(figure.link.value) == len(expected)
    assert sum(figure.link.value) == flows["changes"].sum()
    names = {"best": "Very Best", "middle": "Middle", "lost": "&lt;i&gt;Lost&lt;/i&gt;", "retired": "Retired"}
    names[""] = "New customer"
    found = zip(labels[[*figure.link.source]], labels[[*figure.link.target]], figure.link.value, strict=True)
    assert {(a, b): n for a, b, n in found} == {(names[a], names[b]): n for (a, b), n in expected.items()}


@given(_flows)
def test_the_nodes_of_a_sankey_are_in_the_order_of_the_personas(flows: pd.DataFrame) -> None:
    node = sankey(flows, KNOWN, POUNDS).data[0].node
    for side in (0.001, 0.999):
        heights = [y for x, y in zip(node.x, node.y, strict=True) if x == side]
        assert heights == sorted(heights)
        assert all(0 < y < 1 for y in heights)


@given(_flows)
def test_the_labels_of_a_sankey_do_not_overlap(flows: pd.DataFrame) -> None:
    figure = sankey(flows, KNOWN, POUNDS)
    node = figure.data[0].node
    drawn = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    for side in (0.001, 0.999):
        heights = drawn * np.array([y for x, y in zip(node.x, node.y, strict=True) if x == side])
        assert (np.diff(heights) > 15).all()


def test_streams_can_be_drawn_without_data() -> None:
    figure = sankey(NOTHING, KNOWN, POUNDS)
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.height > 0
    assert figure.to_json()
