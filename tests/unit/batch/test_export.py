from pathlib import Path

import joblib
import numpy as np
import pytest

from batch.choices import Format
from batch.export import write_model
from batch.model_files import read_model
from batch.pipeline import sklearn_pipeline
from models.segment_model import ModelError, SegmentModel, Transform
from models.trailing_window import with_window
from tests.support.builders import random_model, random_profiles


@pytest.fixture(params=[("log1p", 1.0), ("identity", 1.0), ("log1p", 60.0)])
def model(request: pytest.FixtureRequest) -> SegmentModel:
    transform: Transform = request.param[0]
    return random_model(transform, 5, 3, request.param[1])


def test_the_written_json_is_read_as_an_equal_model(model: SegmentModel, tmp_path: Path) -> None:
    write_model(model, tmp_path / "model.json", "json")
    assert read_model(tmp_path / "model.json") == model


@pytest.mark.parametrize("form", ["skops", "joblib"])
def test_a_written_pipeline_predicts_the_same_segments(model: SegmentModel, form: Format, tmp_path: Path) -> None:
    # Imported here because skops takes half a second to import, in every process that collects this file.
    import skops.io

    path = tmp_path / f"model.{form}"
    write_model(model, path, form)
    # skops loads without trusted types; the joblib file is a pickle that this test wrote.
    read = skops.io.load(path, trusted=[]) if form == "skops" else joblib.load(path)
    points = np.column_stack(random_profiles(5_000, seed=1))
    np.testing.assert_array_equal(read.predict(points), sklearn_pipeline(model).predict(points))


@pytest.mark.parametrize("form", ["skops", "joblib"])
def test_a_model_with_a_window_is_written_as_json_only(model: SegmentModel, form: Format, tmp_path: Path) -> None:
    windowed = with_window(model, 365)
    write_model(windowed, tmp_path / "model.json", "json")
    assert read_model(tmp_path / "model.json") == windowed
    with pytest.raises(ModelError, match=r"counts the last 365 days.*export the model as JSON"):
        write_model(windowed, tmp_path / f"model.{form}", form)
