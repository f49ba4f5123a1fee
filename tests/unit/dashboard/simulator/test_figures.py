"""The simulator's figures hold the distances and the steps they were given."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from dashboard.shared.personas import Persona, personas
from dashboard.shared.plotting import MS_PER_DAY
from dashboard.simulator.figures import distances, futures, horizon
from dashboard.simulator.simulation import SimulatedProfile, Step, decay_path, path_with_purchase
from tests.support.generated_tables import a_model

NOW = datetime(2011, 6, 15, 9, 30, tzinfo=UTC)
MODEL = a_model()
PERSONAS = [personas(MODEL)[segment.id] for segment in MODEL.segments]
WHO = SimulatedProfile(NOW - timedelta(days=3), 12, Decimal(2_500))


def _paths() -> dict[str, list[Step]]:
    bought = path_with_purchase(MODEL, WHO, NOW, Decimal(100), NOW + timedelta(days=40))
    return {"without": decay_path(MODEL, WHO, NOW), "with": bought}


def test_the_nearest_segment_is_the_uppermost_and_alone_in_full_colour() -> None:
    bars = distances([*PERSONAS[:2], Persona("x", "<i>X</i>", "#123456")], np.array([2.0, 1.0, 3.0])).data[0]
    assert [*bars.x] == [3.0, 2.0, 1.0]
    assert bars.marker.color[-1] == PERSONAS[1].colour
    assert [*bars.marker.opacity] == [0.45, 0.45, 1.0]
    assert bars.customdata[0] == "&lt;i&gt;X&lt;/i&gt;"


def test_a_future_is_a_row_of_bands_without_a_gap() -> None:
    paths = _paths()
    end = NOW + timedelta(days=900)
    figure = futures(paths, PERSONAS, end)
    for row, path in enumerate(reversed([*paths.values()])):
        bands = [trace for trace in figure.data if trace.type == "bar" and trace.y[0] == row]
        assert [band.base[0] for band in bands] == [f"{step.at:%Y-%m-%dT%H:%M:%S}" for step in path if step.at < end]
        assert [band.marker.color for band in bands] == [PERSONAS[s.segment].colour for s in path if s.at < end]
        assert sum(band.x[0] for band in bands) == pytest.approx(900 * MS_PER_DAY)


def test_the_purchase_is_marked_in_its_own_future_alone() -> None:
    figure = futures(_paths(), PERSONAS, NOW + timedelta(days=900))
    marks = [trace for trace in figure.data if trace.type == "scatter"]
    assert [(mark.x[0], round(mark.y[0])) for mark in marks] == [("2011-07-25T09:30:00", 0)]


def test_the_figure_ends_after_the_nearer_steps_and_within_three_years() -> None:
    near = [Step(NOW, 0, "", WHO), Step(NOW + timedelta(days=300), 1, "decay", WHO)]
    far = [Step(NOW, 0, "", WHO), Step(NOW + timedelta(days=9_000), 1, "decay", WHO)]
    assert horizon({"a": near}) > NOW + timedelta(days=300)
    assert horizon({"a": far}) == NOW + timedelta(days=120)
    assert horizon({"a": near, "b": far}) <= NOW + timedelta(days=3 * 365)
