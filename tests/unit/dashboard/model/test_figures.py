"""The model page's figures hold the numbers they were given."""

import numpy as np
import pandas as pd
import pytest

from dashboard.model import figures
from dashboard.shared.personas import personas
from models.scoring import assign
from models.segment_model import build
from tests.support.generated_tables import a_model
from tests.support.money import POUNDS

MODEL = a_model()
KNOWN = personas(MODEL)


@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        build("net", "identity", (90.0, 4.0, 300.0), (60.0, 3.0, 250.0), MODEL.segments),
        build("net", "log1p", (2.0, 1.0, 6.0), (0.5, 1.0, 1.0), MODEL.segments, recency_unit=60.0),
    ],
)
def test_a_centre_in_original_units_belongs_to_its_own_segment(model: object) -> None:
    recency, frequency, monetary = figures.centroids(model).T  # type: ignore[arg-type]
    assert assign(model, recency, frequency, monetary).tolist() == list(range(len(MODEL.segments)))  # type: ignore[arg-type]


def test_the_parallel_plot_has_a_line_in_its_colour_for_each_segment_with_recent_at_the_top() -> None:
    figure = figures.parallel(MODEL, KNOWN, POUNDS)
    assert [line.line.color for line in figure.data] == [KNOWN[segment.id].colour for segment in MODEL.segments]
    for line, segment in zip(figure.data, MODEL.segments, strict=True):
        np.testing.assert_allclose(line.y, np.array(segment.centroid) * [-1, 1, 1])
    marks = {note.text for note in figure.layout.annotations}
    assert "£1,000" in marks
    assert "30" in marks


def test_the_chosen_k_stands_out() -> None:
    curve = [{"k": k, "inertia": 100.0 / k, "silhouette": 0.3} for k in range(2, 6)]
    bars, line = figures.k_curve(curve, 4).data
    assert [*line.y] == [50.0, 100 / 3, 25.0, 20.0]
    assert [size > 6 for size in line.marker.size] == [False, False, True, False]
    assert bars.marker.color[2] != bars.marker.color[0]


def test_cells_of_customers_who_stay_are_pale() -> None:
    ids = [*KNOWN]
    matrix = pd.DataFrame([[900, 4, 0], [0, 50, 1], [9, 0, 7]], index=ids, columns=ids)
    heat, numbers = figures.moves_map(matrix, KNOWN, KNOWN).data
    np.testing.assert_allclose(np.square(np.array(heat.z, dtype=float)), [[0, 4, 0], [0, 0, 1], [9, 0, 0]])
    assert [*numbers.text] == ["900", "4", "50", "1", "9", "7"]
    assert heat.customdata[0][0].startswith("stay ")


def test_a_drift_figure_marks_where_an_alarm_begins() -> None:
    days = pd.date_range("2011-01-01", periods=4, tz="UTC")
    rows = pd.DataFrame(
        {
            "window_end": days,
            "measure": "psi",
            "name": "recency",
            "value": [0.1, 0.3, 5.0, 0.1],
            "reference": np.nan,
            "threshold": 0.2,
            "customers": 10,
            "alarm": [False, True, True, False],
        }
    )
    figure = figures.drift_lines(rows, figures.FEATURE_COLOURS, figures.FEATURE_NAMES, ".2f", ceiling=1.0)
    line, threshold, alarms = figure.data
    assert [*line.y] == [0.1, 0.3, 5.0, 0.1]
    assert [*threshold.y] == [0.2] * 4
    assert [*alarms.y] == [0.3]
    assert figure.layout.yaxis.range == (0, 1)
