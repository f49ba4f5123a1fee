"""What becomes of a customer, real or imagined: where they stand, how time alone moves them, what a purchase changes.

Pure, and with the stream's own functions: :func:`models.segment_model.assign` scores, and
:func:`models.decay.next_change` tells the days on which time alone moves somebody, applied in the processor's order.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from models.decay import NEVER, next_change
from models.segment_model import NO_SEGMENT, SegmentModel, assign, off_axis_distances, transformed
from models.units import Floats, Ints

DECAY, PURCHASE = "decay", "purchase"


class Profile(NamedTuple):
    """What a segment rests on: when they last bought, how often, and what they are worth in pounds.

    ``monetary`` may be below 0 where the model counts net of returns; it is scored as 0.
    """

    last_purchase_at: datetime
    frequency: int
    monetary: Decimal

    def recency_days(self, at: datetime) -> int:
        """Whole days since the last purchase, as pandas ``.dt.days`` counts them."""
        return (at - self.last_purchase_at).days


class Step(NamedTuple):
    """From ``at`` on they are in ``segment`` (its number); ``cause`` is empty for where they stand at the beginning."""

    at: datetime
    segment: int
    cause: str
    standing: Profile


class Scored(NamedTuple):
    """The segment of each of n customers, their distances to all k centroids, and when time alone moves them.

    Shapes (n,), (n, k), (n,) and (n,). ``change_in_days`` is ``NEVER`` and ``next_segment`` -1 where nothing comes.
    """

    segment: Ints
    distances: Floats
    change_in_days: Ints
    next_segment: Ints


def score(model: SegmentModel, recency_days: Ints, frequency: Ints, monetary: Floats) -> Scored:
    """Score n customers.

    Parameters
    ----------
    recency_days, frequency, monetary
        Shape (n,): whole days, distinct sale invoices, pounds; below 0 is 0 where the model counts net of returns.
    """
    worth = np.maximum(monetary, 0.0)
    segment = assign(model, recency_days, frequency, worth)
    along = (transformed(model, 0, recency_days)[:, None] - model.centroids[:, 0]) ** 2
    distances = np.sqrt(along + off_axis_distances(model, frequency, worth))
    coming = next_change(model, segment, recency_days, frequency, worth)
    never = coming.recency_days == NEVER
    return Scored(segment, distances, np.where(never, NEVER, coming.recency_days - recency_days), coming.segment)


def score_one(model: SegmentModel, standing: Profile, at: datetime) -> Scored:
    """Score one customer at a moment."""
    return score(
        model,
        np.array([standing.recency_days(at)]),
        np.array([standing.frequency]),
        np.array([float(standing.monetary)]),
    )


def decay_path(model: SegmentModel, standing: Profile, start: datetime) -> list[Step]:
    """Where they stand at ``start``, and every later change if they never buy again.

    A segment that is left by waiting is never entered again, so there are fewer changes than segments.
    """
    return [Step(start, _segment(model, standing, start), "", standing), *_decays(model, standing, start)]


def path_with_purchase(
    model: SegmentModel, standing: Profile, start: datetime, amount: Decimal, bought_at: datetime
) -> list[Step]:
    """The same with one purchase at ``bought_at``, not before ``start``: a step of its own even if it moves nobody.

    What decay is due by the moment of the purchase comes first, as in the stream.
    """
    before = [step for step in decay_path(model, standing, start) if step.at <= bought_at]
    after = Profile(bought_at, standing.frequency + 1, standing.monetary + amount)
    entered = Step(bought_at, _segment(model, after, bought_at), PURCHASE, after)
    return [*before, entered, *_decays(model, after, bought_at)]


def segment_at(path: list[Step], at: datetime) -> int:
    """The segment that a path is in at a moment not before its start."""
    return [step.segment for step in path if step.at <= at][-1]


def _segment(model: SegmentModel, standing: Profile, at: datetime) -> int:
    return int(score_one(model, standing, at).segment[0])


def _decays(model: SegmentModel, standing: Profile, start: datetime) -> Iterator[Step]:
    at = start
    while True:
        scored = score_one(model, standing, at)
        if scored.next_segment[0] == NO_SEGMENT:
            return
        days = standing.recency_days(at) + int(scored.change_in_days[0])
        at = standing.last_purchase_at + timedelta(days=days)
        yield Step(at, int(scored.next_segment[0]), DECAY, standing)
