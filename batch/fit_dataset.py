"""Fit a model with default settings on the beginning of a dataset."""

from datetime import datetime

from batch.dataset_frames import profiles_of
from batch.fit import fit
from data.datasets.dataset import Dataset
from models.segment_model import SegmentModel


def fit_before(dataset: Dataset, cutoff: datetime) -> SegmentModel:
    """Fit on every transaction up to ``cutoff``, as of that moment.

    Raises
    ------
    FitError
        If there are too few customers by then.
    """
    profiles = profiles_of(dataset, cutoff)
    return fit(profiles, metadata={"dataset": dataset.name, "cutoff": cutoff.isoformat()}).model
