"""Write models to files: the JSON specification for services, a scikit-learn pipeline for analysts."""

from collections.abc import Callable
from pathlib import Path

from batch.choices import Format
from batch.pipeline import sklearn_pipeline
from models.segment_model import ModelError, SegmentModel, to_json
from models.window_text import last_days


def write_model(model: SegmentModel, path: Path, form: Format) -> None:
    """Write a model to a file.

    ``json`` is the specification, which reads back to an equal model. ``skops`` is a scikit-learn pipeline whose
    ``predict`` on columns R, F, M gives segment numbers in the model's order; loading it needs no trusted types.
    ``joblib`` is the same pipeline as a pickle. Loading a pickle can run any code, so load only your own.

    Raises
    ------
    ModelError
        If a pipeline is asked for, and the model has a window.
    """
    if form != "json" and model.window_days is not None:
        raise ModelError(
            f"{model.version} counts {last_days(model.window_days)}, and no distance in a pipeline says who is "
            "inactive: export the model as JSON"
        )
    _WRITERS[form](model, path)


def _json(model: SegmentModel, path: Path) -> None:
    path.write_bytes(to_json(model) + b"\n")


def _skops(model: SegmentModel, path: Path) -> None:
    # Imported here because skops takes half a second to import and no other command needs it.
    import skops.io

    path.write_bytes(skops.io.dumps(sklearn_pipeline(model)))


def _joblib(model: SegmentModel, path: Path) -> None:
    import joblib

    with path.open("wb") as file:
        joblib.dump(sklearn_pipeline(model), file)


_WRITERS: dict[Format, Callable[[SegmentModel, Path], None]] = {"json": _json, "skops": _skops, "joblib": _joblib}
