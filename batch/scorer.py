"""A segment model as scikit-learn evaluates it, for checks that share no code with the stream's scoring."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from batch.pipeline import sklearn_pipeline
from batch.profiles import features
from models.decay import HORIZON_DAYS
from models.segment_model import SegmentModel
from models.units import Floats, Ints

Names = NDArray[np.object_]


@dataclass(frozen=True)
class Scorer:
    """A model as a scikit-learn pipeline, with the segment id of each number that it predicts."""

    model: SegmentModel
    pipeline: Pipeline
    ids: Names

    @classmethod
    def of(cls, model: SegmentModel) -> Self:
        """The scorer of a model."""
        ids = np.array([segment.id for segment in model.segments], dtype=object)
        return cls(model, sklearn_pipeline(model), ids)

    def segments(self, points: Floats) -> Names:
        """The segment ids of points of R, F and M, shape (n, 3)."""
        return np.asarray(self.ids[self.pipeline.predict(points)]) if len(points) else self.ids[:0]

    def scored(self, buyers: pd.DataFrame) -> pd.DataFrame:
        """Segment, next change and next segment of customers with a given recency."""
        segment, days, target = _forecast(self.pipeline, features(buyers, self.model.monetary).to_numpy())
        moves = days <= HORIZON_DAYS
        moment = buyers["last_purchase_at"] + days.astype("timedelta64[D]")
        return pd.DataFrame(
            {
                "segment": self.ids[segment],
                "next_change_at": moment.where(moves),
                "next_segment": pd.Series(self.ids[target], buyers.index).where(moves),
            },
            index=buyers.index,
        )


Scorers = Mapping[str, Scorer]


def _forecast(pipeline: Pipeline, points: Floats) -> tuple[Ints, Ints, Ints]:
    """Current segment; recency at which time alone changes it (past the horizon if never); the segment after that."""
    if not len(points):
        none = np.empty(0, dtype=np.int64)
        return none, none, none

    def waited(days: Ints) -> Ints:
        return np.asarray(pipeline.predict(np.column_stack([days, points[:, 1:]])))

    segment = waited(points[:, 0].astype(np.int64))
    stays, leaves = points[:, 0].astype(np.int64), np.full(len(points), HORIZON_DAYS + 1)
    while (leaves - stays > 1).any():
        middle = (stays + leaves) // 2
        left = waited(middle) != segment
        leaves, stays = np.where(left, middle, leaves), np.where(left, stays, middle)
    return segment, leaves, waited(leaves)
