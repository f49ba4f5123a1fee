"""The future of a real or imagined customer: the segment now, moves by time alone, and the effect of a purchase.

Pure, with the functions that the stream uses: :func:`models.scoring.assign` and :func:`models.decay.next_change`,
applied in the worker's order. Under a model with a window, the numbers do not tell when each order leaves it. Known is
only that the last one does when it is as old as the window; from then on the customer is inactive. Before that,
frequency and spend stay as they are.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd

from dashboard.shared.foresight import moves_ahead, moves_until, with_purchase
from models.decay import NEVER, next_change
from models.scoring import assign, off_axis_distances, transformed
from models.segment_model import INACTIVE, NO_SEGMENT, SegmentModel
from models.units import Floats, Ints

DECAY, PURCHASE, EXPIRY = "decay", "purchase", "expiry"


class SimulatedProfile(NamedTuple):
    """What decides a segment: the last purchase, the number of purchases, and the spend.

    ``monetary`` may be below 0 where the model counts net of returns; it is scored as 0.
    """

    last_purchase_at: datetime
    frequency: int
    monetary: Decimal

    def recency_days(self, at: datetime) -> int:
        """Whole days since the last purchase, as pandas ``.dt.days`` counts them."""
        return (at - self.last_purchase_at).days


class Step(NamedTuple):
    """From ``at`` on the customer is in ``segment`` (its number); ``cause`` is empty for the first step."""

    at: datetime
    segment: int
    cause: str
    profile: SimulatedProfile


class Scored(NamedTuple):
    """The segment of each of n customers, their distances to all k centroids, and when time alone moves them.

    Shapes (n,), (n, k), (n,) and (n,). Without a next change ``change_in_days`` is ``NEVER`` and
    ``next_segment`` is -1. The distance to the centroid of inactive customers, which decides nothing, is missing.
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
        Shape (n,): whole days, distinct sale invoices, units of the currency; values below 0 count as 0.
    """
    spend = np.maximum(monetary, 0.0)
    if model.window_days is not None:
        # Nothing is in the window if the last purchase is not.
        frequency = np.where(recency_days < model.window_days, frequency, 0)
    segment = assign(model, recency_days, frequency, spend)
    along = (transformed(model, 0, recency_days)[:, None] - model.scored_centroids[:, 0]) ** 2
    distances = np.sqrt(along + off_axis_distances(model, frequency, spend))
    days, following = next_change(model, segment, recency_days, frequency, spend)
    if model.window_days is not None:
        distances = np.column_stack([distances, np.full(len(segment), np.nan)])
        ends = (frequency > 0) & (days >= model.window_days)
        days, following = np.where(ends, model.window_days, days), np.where(ends, model.index[INACTIVE], following)
    return Scored(segment, distances, np.where(days == NEVER, NEVER, days - recency_days), following)


def score_one(model: SegmentModel, profile: SimulatedProfile, at: datetime) -> Scored:
    """Score one customer at a moment."""
    return score(
        model,
        np.array([profile.recency_days(at)]),
        np.array([profile.frequency]),
        np.array([float(profile.monetary)]),
    )


def outside_window(model: SegmentModel, profile: SimulatedProfile, at: datetime) -> SimulatedProfile:
    """A profile at a moment: without any purchase, if the last one is older than the window."""
    gone = model.window_days is not None and profile.recency_days(at) >= model.window_days
    return profile._replace(frequency=0, monetary=Decimal(0)) if gone else profile


def possible(model: SegmentModel, profile: SimulatedProfile, at: datetime) -> SimulatedProfile:
    """The nearest profile that a customer can have: a last purchase in the window is in it, and an older one is not."""
    if model.window_days is not None and profile.recency_days(at) < model.window_days:
        return profile._replace(frequency=max(profile.frequency, 1))
    return outside_window(model, profile, at)


def decay_path(model: SegmentModel, profile: SimulatedProfile, start: datetime) -> list[Step]:
    """The segment at ``start``, and every later change if the customer never buys again.

    Time alone never leads back to a segment, so there are fewer changes than segments.
    """
    return [Step(start, _segment(model, profile, start), "", profile), *_decays(model, profile, start)]


def path_with_purchase(
    model: SegmentModel, profile: SimulatedProfile, start: datetime, amount: Decimal, bought_at: datetime
) -> list[Step]:
    """The same with a purchase at ``bought_at`` (not before ``start``), which is a step even if the segment stays.

    Decay that is due by then comes before the purchase, as in the stream.
    """
    before = [step for step in decay_path(model, profile, start) if step.at <= bought_at]
    known = outside_window(model, profile, bought_at)
    after = SimulatedProfile(bought_at, known.frequency + 1, known.monetary + amount)
    entered = Step(bought_at, _segment(model, after, bought_at), PURCHASE, after)
    return [*before, entered, *_decays(model, after, bought_at)]


def path_of_orders(model: SegmentModel, profile: SimulatedProfile, ledger: pd.DataFrame, start: datetime) -> list[Step]:
    """:func:`decay_path` of a real customer under a model with a window, exact from all of the customer's orders."""
    return [Step(start, _segment(model, profile, start), "", profile), *_ahead(model, profile, ledger, start)]


def path_of_orders_with_purchase(
    model: SegmentModel,
    profile: SimulatedProfile,
    ledger: pd.DataFrame,
    start: datetime,
    amount: Decimal,
    bought_at: datetime,
) -> list[Step]:
    """:func:`path_with_purchase` of such a customer."""
    before = [step for step in path_of_orders(model, profile, ledger, start) if step.at <= bought_at]
    bought = with_purchase(ledger, amount, bought_at)
    after = SimulatedProfile(bought_at, profile.frequency + 1, profile.monetary + amount)
    entered = moves_until(model, bought, bought_at)[-1].segment
    return [*before, Step(bought_at, entered, PURCHASE, after), *_ahead(model, after, bought, bought_at)]


def segment_at(path: list[Step], at: datetime) -> int:
    """The segment of a path at a moment, which must not be before its start."""
    return [step.segment for step in path if step.at <= at][-1]


def _segment(model: SegmentModel, profile: SimulatedProfile, at: datetime) -> int:
    return int(score_one(model, profile, at).segment[0])


def _ahead(model: SegmentModel, profile: SimulatedProfile, ledger: pd.DataFrame, after: datetime) -> Iterator[Step]:
    for move in moves_ahead(model, ledger, after):
        yield Step(move.at, move.segment, move.cause, profile)


def _decays(model: SegmentModel, profile: SimulatedProfile, start: datetime) -> Iterator[Step]:
    at = start
    while True:
        scored = score_one(model, profile, at)
        if scored.next_segment[0] == NO_SEGMENT:
            return
        days = profile.recency_days(at) + int(scored.change_in_days[0])
        at = profile.last_purchase_at + timedelta(days=days)
        if days == model.window_days:
            profile = outside_window(model, profile, at)
        yield Step(at, int(scored.next_segment[0]), EXPIRY if days == model.window_days else DECAY, profile)
