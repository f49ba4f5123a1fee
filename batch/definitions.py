"""Definitions of segments for experiments, more than :mod:`batch.fit` has: what recency is, when a move counts."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from batch.customer_days import CustomerDays, first_rows, last_rows, rows_of
from models.personas import name_segments
from models.rank_order import in_rank_order
from models.rhythm.buying import Buying
from models.units import Floats, Ints

#: :func:`models.rhythm.fit_buying.fit_buying` with seasons on Online Retail II, 90 days before its end, rounded.
#: Definitions that use it need a customer's usual wait, not an exact one.
_USUAL = Buying(0.69, 50.0, 0.24, 3.1)


@dataclass(frozen=True)
class Definition:
    """How segments are defined; the defaults are the plain ones of :func:`batch.fit.fit`.

    Parameters
    ----------
    recency_unit
        Recency is log1p(days / unit): differences of less than a unit count little.
    own_rhythm
        Whether the unit is each customer's own median wait for the next order instead.
    weights
        Of recency, frequency and monetary value in distances.
    rank_order
        Whether the recency of centroids is put into the order of rank.
    margin
        A customer moves when the squared distance to the nearest centroid is smaller by more than this than that to the
        centroid of the segment that the customer is in. 0 is no hysteresis.
    """

    recency_unit: float = 1.0
    own_rhythm: bool = False
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    rank_order: bool = False
    margin: float = 0.0


class Fitted(NamedTuple):
    """Names in the order of rank; means and scales, each of shape (3,); centroids in weighted space, shape (k, 3)."""

    names: tuple[str, ...]
    means: Floats
    scales: Floats
    centroids: Floats


def fit_definition(definition: Definition, days: CustomerDays, until: int, k: int, seed: int = 42) -> Fitted:
    """Fit k segments on the customers as they are at a moment, in the way of ``segue fit``."""
    rows = last_rows(days, until)
    rows = rows[days.frequency[rows] > 0]
    shaped = _shaped(definition, rows_of(days, rows))
    means, scales = shaped.mean(axis=0), shaped.std(axis=0)
    weights = np.array(definition.weights)
    points = (shaped - means) / scales * weights
    with threadpool_limits(limits=1):
        kmeans = KMeans(n_clusters=k, n_init=10, random_state=seed).fit(points)
    segments = name_segments(kmeans.cluster_centers_ / weights)
    centroids = np.array([segment.centroid for segment in segments]) * weights
    if definition.rank_order:
        nearest = ((points[:, None] - centroids[None]) ** 2).sum(axis=2).argmin(axis=1)
        centroids = in_rank_order(centroids, np.bincount(nearest, minlength=k))
    return Fitted(tuple(segment.name for segment in segments), means, scales, centroids)


def segment_numbers(definition: Definition, fitted: Fitted, days: CustomerDays) -> Ints:
    """The segment on every row. Customers without an order in the window are in segment k."""
    points = (_shaped(definition, days) - fitted.means) / fitted.scales * np.array(definition.weights)
    recency, frequency, monetary = np.ascontiguousarray(points.T)
    distances = np.empty((len(recency), len(fitted.centroids)))
    for number, (r, f, m) in enumerate(fitted.centroids.tolist()):
        distances[:, number] = (recency - r) ** 2 + (frequency - f) ** 2 + (monetary - m) ** 2
    numbers = distances.argmin(axis=1) if definition.margin == 0 else _held(days.customer, distances, definition.margin)
    return np.where(days.frequency > 0, numbers, len(fitted.centroids)).astype(np.int64)


def _shaped(definition: Definition, days: CustomerDays) -> Floats:
    unit: Floats | float = definition.recency_unit
    if definition.own_rhythm:
        later = np.maximum(days.frequency - 1, 0)
        unit = (_USUAL.alpha + days.age) * np.expm1(np.log(2) / (_USUAL.r + later))
    return np.log1p(np.column_stack([days.recency / unit, days.frequency, days.monetary]))


def _held(customer: Ints, distances: Floats, margin: float) -> Ints:
    """Segments with hysteresis: row by row, all customers at once."""
    starts = first_rows(customer)
    lengths = np.diff(np.append(starts, len(customer)))
    longest_first = np.argsort(-lengths, kind="stable")
    starts, lengths = starts[longest_first], lengths[longest_first]
    nearest = distances.argmin(axis=1)
    held = np.empty(len(customer), dtype=np.int64)
    current = nearest[starts]
    held[starts] = current
    for step in range(1, int(lengths[0])):
        going_on = int((lengths > step).sum())
        rows = starts[:going_on] + step
        gain = distances[rows, current[:going_on]] - distances[rows, nearest[rows]]
        current[:going_on] = np.where(gain > margin, nearest[rows], current[:going_on])
        held[rows] = current[:going_on]
    return held
