"""Models as files: the JSON spec for services, a scikit-learn pipeline for analysts."""

from collections.abc import Callable
from pathlib import Path

from batch.choices import Format
from batch.pipeline import sklearn_pipeline
from models.segment_model import SegmentModel, to_json


def write_model(model: SegmentModel, path: Path, form: Format) -> None:
    """Write a model to a file.

    ``json`` is the spec; a model read from it is equal. ``skops`` holds the scikit-learn pipeline, whose ``predict``
    on columns R, F, M gives segment numbers in the model's order; it loads without trusting any type. ``joblib`` is
    the same as a pickle, which runs whatever code is in it: load one only if you wrote it.
    """
    _WRITERS[form](model, path)


def _json(model: SegmentModel, path: Path) -> None:
    path.write_bytes(to_json(model) + b"\n")


def _skops(model: SegmentModel, path: Path) -> None:
    # Imported where it is needed: every other command would wait for it half a second.
    import skops.io

    path.write_bytes(skops.io.dumps(sklearn_pipeline(model)))


def _joblib(model: SegmentModel, path: Path) -> None:
    import joblib

    with path.open("wb") as file:
        joblib.dump(sklearn_pipeline(model), file)


_WRITERS: dict[Format, Callable[[SegmentModel, Path], None]] = {"json": _json, "skops": _skops, "joblib": _joblib}
