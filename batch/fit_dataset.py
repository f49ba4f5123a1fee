"""Fit a model with default settings on the beginning of a dataset."""

from datetime import datetime

from batch.dataset_frames import profiles_of
from batch.fit import fit
from batch.presets import PRESETS
from data.datasets.dataset import Dataset
from models.segment_model import SegmentModel

_DEFAULT = PRESETS["segue"]


def fit_before(dataset: Dataset, cutoff: datetime, k: int | None = None) -> SegmentModel:
    """Fit ``k`` segments, by default five, as ``segue fit`` does, on every transaction up to ``cutoff``, as of then.

    Raises
    ------
    FitError
        If there are too few customers by then.
    """
    profiles = profiles_of(dataset, cutoff)
    metadata = {"dataset": dataset.name, "cutoff": cutoff.isoformat()}
    chosen = _DEFAULT if k is None else _DEFAULT._replace(k=k)
    return fit(profiles, **chosen._asdict(), metadata=metadata).model
