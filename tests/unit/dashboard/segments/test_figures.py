"""The segments page's figures hold the numbers they were given."""

import pandas as pd
import plotly.graph_objects as go
import pytest

from dashboard.segments.distributions import PER_DECADE
from dashboard.segments.figures import cloud, ridges
from dashboard.shared.personas import Persona, Personas
from tests.support.money import POUNDS

KNOWN: Personas = {
    "best": Persona("best", "Best", "#00aa00"),
    "middle": Persona("middle", "Middle", "#0000aa"),
    "lost": Persona("lost", "<i>Lost</i>", "#aa0000"),
}
BINS = pd.DataFrame([("best", 0, 7), ("best", 5, 14), ("lost", 9, 3)], columns=["segment", "bin", "customers"])
PEOPLE = pd.DataFrame(
    [("1", "best", 0, 9, 99.0), ("2", "best", 9, 1, 0.0), ("<3>", "lost", 999, 1, 9.0)],
    columns=["customer_id", "segment", "recency", "frequency", "monetary"],
)


def test_a_ridge_has_the_counts_of_its_segment_and_its_own_row() -> None:
    figure = ridges(BINS, {"best": 30.0, "lost": 400.0}, KNOWN, "recency")
    hills = {trace.line.color: trace for trace in figure.data if trace.fill == "tonexty"}
    assert set(hills) == {"#00aa00", "#aa0000"}
    best = hills["#00aa00"]
    counts = {
        round(x * PER_DECADE - 0.5): int(found[0].replace(",", ""))
        for x, found in zip(best.x, best.customdata, strict=True)
    }
    assert {place: count for place, count in counts.items() if count} == {0: 7, 5: 14}
    assert max(best.y) == pytest.approx(1.86)
    assert max(hills["#aa0000"].y) == pytest.approx(0.86)


def test_the_base_of_a_ridge_marks_the_median_on_the_same_scale() -> None:
    figure = ridges(BINS, {"best": 99.0, "lost": 999.0}, KNOWN, "recency")
    marks = [trace.x[0] for trace in figure.data if trace.line.width == 4]
    assert marks == [pytest.approx(3.0), pytest.approx(2.0)]
    assert dict(zip(figure.layout.xaxis.ticktext, figure.layout.xaxis.tickvals, strict=True))["0"] == 0


def test_every_sampled_customer_is_a_point_in_the_colour_of_their_segment() -> None:
    figure = cloud(PEOPLE, KNOWN, POUNDS)
    points = {
        number: (trace.marker.color, x, y, z)
        for trace in figure.data
        for number, x, y, z in zip(trace.text, trace.x, trace.y, trace.z, strict=True)
    }
    assert set(points) == {"1", "2", "&lt;3&gt;"}
    assert points["1"] == ("#00aa00", 0.0, 1.0, 2.0)
    assert points["2"] == ("#00aa00", 1.0, pytest.approx(0.30103), 0.0)
    assert points["&lt;3&gt;"][:2] == ("#aa0000", 3.0)


@pytest.mark.parametrize(
    "figure", [ridges(BINS[:0], {}, KNOWN, "recency"), cloud(PEOPLE[:0], KNOWN, POUNDS), cloud(PEOPLE, KNOWN, POUNDS)]
)
def test_figures_are_transparent_escaped_and_can_be_drawn_without_data(figure: go.Figure) -> None:
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert "<i>" not in figure.to_json().replace("\\u003c", "<").replace("\\u003e", ">")
