"""What activating another model would change: which customers would move, and between which segments."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.scoring import assign, monetary_value
from models.segment_model import SegmentModel
from models.units import Floats


@dataclass(frozen=True)
class ModelComparison:
    """Two models on the same customers.

    Parameters
    ----------
    matrix
        Number of customers by segment id under ``before`` (rows) and under ``after`` (columns), in the models' order.
    movers
        By ``customer_id``, the customers whose segment id differs: ``before``, ``after`` (segment ids),
        ``recency_days``, ``frequency``, ``monetary`` (currency units) as ``after`` counts them, highest monetary value
        first.
    """

    before: SegmentModel
    after: SegmentModel
    matrix: pd.DataFrame
    movers: pd.DataFrame

    @property
    def customers(self) -> int:
        """Number of customers that were scored."""
        return int(self.matrix.to_numpy().sum())

    @property
    def share(self) -> float:
        """Share of customers that would move, from 0 to 1."""
        return len(self.movers) / max(self.customers, 1)


def compare(
    profiles: pd.DataFrame, before: SegmentModel, after: SegmentModel, profiles_before: pd.DataFrame | None = None
) -> ModelComparison:
    """Score profiles, as :func:`batch.profiles.profiles_as_of` returns them, under two models.

    Parameters
    ----------
    profiles
        What ``after`` counts.
    profiles_before
        What ``before`` counts of the same customers; needed if it has another window.
    """
    if profiles_before is None and before.window_days != after.window_days:
        raise ValueError("models with different windows count different things: give the profiles of both")
    counted_before = profiles if profiles_before is None else profiles_before.reindex(profiles.index)
    both = pd.DataFrame(
        {
            "before": segment_ids(counted_before, before),
            "after": segment_ids(profiles, after),
            "recency_days": profiles["recency_days"],
            "frequency": profiles["frequency"],
            "monetary": _monetary_values(profiles, after),
        },
        index=profiles.index,
    )
    matrix = pd.crosstab(both["before"], both["after"]).reindex(
        index=list(before.index), columns=list(after.index), fill_value=0
    )
    movers = both[both["before"] != both["after"]].sort_values("monetary", ascending=False, kind="stable")
    return ModelComparison(before, after, matrix, movers)


def segment_ids(profiles: pd.DataFrame, model: SegmentModel) -> pd.Series:
    """Segment id of each customer under a model, by ``customer_id``."""
    recency, frequency = (profiles[name].to_numpy() for name in ("recency_days", "frequency"))
    ids = np.array([segment.id for segment in model.segments], dtype=object)
    numbers = assign(model, recency, frequency, _monetary_values(profiles, model))
    return pd.Series(ids[numbers], profiles.index, dtype="str")


def _monetary_values(profiles: pd.DataFrame, model: SegmentModel) -> Floats:
    return monetary_value(model, profiles["gross_units"].to_numpy(), profiles["returned_units"].to_numpy())
