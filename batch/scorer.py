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
from batch.running_totals import NO_MORE, RunningTotals, Totals
from models.decay import HORIZON_DAYS
from models.scoring import net_or_gross
from models.segment_model import INACTIVE, NO_SEGMENT, SegmentModel
from models.units import MICROS_PER_DAY, MONEY_UNITS, Floats, Ints

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

    def numbers(self, points: Floats) -> Ints:
        """The segment numbers of points of R, F and M, shape (n, 3); without a sale in the window it is inactive."""
        if not len(points):
            return np.empty(0, dtype=np.int64)
        found = np.asarray(self.pipeline.predict(points), dtype=np.int64)
        return (
            found if self.model.window_days is None else np.where(points[:, 1] > 0, found, self.model.index[INACTIVE])
        )

    def segments(self, points: Floats) -> Names:
        """The segment ids of points of R, F and M, shape (n, 3)."""
        return np.asarray(self.ids[self.numbers(points)])

    def points(self, recency: Ints, totals: Totals) -> Floats:
        """R, F and M, shape (n, 3), of customers with some totals."""
        units = net_or_gross(self.model.monetary, totals.gross_units, totals.returned_units)
        return np.column_stack([recency, totals.frequency, units / MONEY_UNITS])

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


def scored_in_window(scorer: Scorer, buyers: pd.DataFrame, as_of: pd.Series, running: RunningTotals) -> pd.DataFrame:
    """:meth:`Scorer.scored` of a model with a window, of customers at their as-of times.

    Each customer is followed from expiry to expiry. In between only recency grows, so bisection finds the day.
    """
    window = (scorer.model.window_days or 0) * MICROS_PER_DAY
    customer = running.numbers(buyers.index)
    now, last = (_micros(column) for column in (as_of[buyers.index], buyers["last_purchase_at"]))
    ever = running.until(customer, np.full(len(buyers), NO_MORE))

    def numbers(rows: Ints, moment: Ints, at: Ints) -> Ints:
        """Segments of some rows at a moment, with what the window has at another one."""
        totals = Totals(*(column[rows] for column in ever)).less(running.until(customer[rows], at - window))
        return scorer.numbers(scorer.points((moment - last[rows]) // MICROS_PER_DAY, totals))

    everyone = np.arange(len(buyers))
    segment = numbers(everyone, now, now)
    change, target = np.full(len(buyers), NO_MORE), np.full(len(buyers), NO_SEGMENT)
    rows, at = np.flatnonzero(segment != scorer.model.index[INACTIVE]), now
    at = at[rows]
    while len(rows):
        expiry = running.following(customer[rows], at - window) + window
        stays = (at - last[rows]) // MICROS_PER_DAY
        leaves = (expiry - 1 - last[rows]) // MICROS_PER_DAY
        waits = (leaves > stays) & (numbers(rows, last[rows] + leaves * MICROS_PER_DAY, at) != segment[rows])
        own, since, early, late = rows[waits], at[waits], stays[waits], leaves[waits]
        while (late - early > 1).any():
            middle = (early + late) // 2
            left = numbers(own, last[own] + middle * MICROS_PER_DAY, since) != segment[own]
            late, early = np.where(left, middle, late), np.where(left, early, middle)
        change[own] = last[own] + late * MICROS_PER_DAY
        target[own] = numbers(own, change[own], since)
        rows, at = rows[~waits], expiry[~waits]
        found = numbers(rows, at, at)
        moved = found != segment[rows]
        change[rows[moved]], target[rows[moved]] = at[moved], found[moved]
        rows, at = rows[~moved], at[~moved]
    moves = change != NO_MORE
    moments = pd.to_datetime(np.where(moves, change, 0), unit="us", utc=True)
    following = np.array([*scorer.ids, None], dtype=object)[target]
    return pd.DataFrame(
        {
            "segment": scorer.ids[segment],
            "next_change_at": pd.Series(moments, buyers.index).astype(as_of.dtype).where(moves),
            "next_segment": pd.Series(following, buyers.index),
        },
        index=buyers.index,
    )


def _micros(moments: pd.Series) -> Ints:
    return np.asarray(moments.dt.as_unit("us").astype("int64"), dtype=np.int64)


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
