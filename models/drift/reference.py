"""The reference of a model: the distributions of its training customers, which drift is measured against.

The reference is stored in the model's metadata, so it affects neither segments nor the version. Features are measured
among *recent* customers, who bought in the last four weeks. Over the whole customer base, recency and lifetime sums
keep growing even in a stable shop; among recent customers, distributions are stable as long as the shop is.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Struct

from models.drift.psi import counts, quantile_edges
from models.scoring import off_axis_distances, squared_distances, transformed
from models.segment_model import FEATURES, INACTIVE, SegmentModel
from models.units import Bools, Floats, Ints

METADATA_KEY = "reference"
#: Whole weeks, so that every weekday has the same weight; how many was chosen by judgement (docs/drift.md).
RECENT_DAYS = 28
# Edges of the recency bins, whole weeks too: with daily bins, the distribution of a shop that closes on Saturdays
# changes with every day of the week.
WEEKS: Floats = np.arange(7.0, RECENT_DAYS, 7.0)
#: With fewer recent customers than this, no distribution is compared: three for each of ten bins.
MIN_RECENT = 30


class Population(Struct, frozen=True):
    """Recency (days), frequency and monetary value (currency units) of n customers at one time; each of shape (n,)."""

    recency: Ints
    frequency: Ints
    monetary: Floats

    def where(self, chosen: Any) -> "Population":
        """The customers that a boolean mask or row numbers select."""
        return Population(self.recency[chosen], self.frequency[chosen], self.monetary[chosen])

    @property
    def is_recent(self) -> Bools:
        """Who bought in the last :data:`RECENT_DAYS` days."""
        return np.asarray(self.recency < RECENT_DAYS)

    @property
    def recent(self) -> "Population":
        """The customers who bought in the last :data:`RECENT_DAYS` days."""
        return self.where(self.is_recent)

    @property
    def features(self) -> dict[str, Floats | Ints]:
        """The three columns by name."""
        return dict(zip(FEATURES, (self.recency, self.frequency, self.monetary), strict=True))

    def __len__(self) -> int:
        """Number of customers."""
        return len(self.recency)


class Reference(Struct, frozen=True):
    """Counts of recent customers by bin of each feature, and of all customers by segment.

    Parameters
    ----------
    edges, binned
        By feature: inner edges of the bins, and the number of recent customers in each bin.
    segments
        By segment id: number of customers, recent or not.
    inertia
        Mean squared distance of all customers to their nearest centroid, in squared standard deviations; under a model
        with a window, of those with a purchase in it.
    """

    edges: dict[str, list[float]]
    binned: dict[str, list[int]]
    segments: dict[str, int]
    inertia: float

    @property
    def customers(self) -> int:
        """Number of recent customers at training time."""
        return sum(self.binned[FEATURES[0]])

    def bins(self, feature: str) -> tuple[Floats, Ints]:
        """The edges of a feature's bins, and the number of recent customers in each."""
        return np.array(self.edges[feature], dtype=np.float64), np.array(self.binned[feature], dtype=np.int64)


def standardised(model: SegmentModel, population: Population) -> Floats:
    """Transformed and standardised features of customers, shape (n, 3)."""
    columns: tuple[Ints | Floats, ...] = (population.recency, population.frequency, population.monetary)
    return np.column_stack([transformed(model, feature, column) for feature, column in enumerate(columns)])


class Nearest(NamedTuple):
    """The nearest centroid of each of n customers.

    Parameters
    ----------
    numbers
        Shape (n,): indices into ``model.segments``, as :func:`models.scoring.assign` gives them.
    squares
        Shape (n,): squared distances in squared standard deviations.
    """

    numbers: Ints
    squares: Floats


def nearest_centroids(model: SegmentModel, population: Population) -> Nearest:
    """The nearest centroid of each customer.

    Under a model with a window, this does not hold for customers without a purchase in it: leave them out
    (:func:`clustered`).
    """
    off_axis = off_axis_distances(model, population.frequency, population.monetary)
    squares = squared_distances(model, transformed(model, 0, population.recency), off_axis)
    return Nearest(squares.argmin(axis=1), squares.min(axis=1))


def clustered(model: SegmentModel, population: Population) -> Population:
    """The customers whom a distance decides: all, or those with a purchase in the model's window."""
    return population if model.window_days is None else population.where(population.frequency > 0)


def segment_sizes(model: SegmentModel, nearest: Nearest, customers: int) -> dict[str, int]:
    """Number of customers in each segment, by id, in the model's order; those whom no distance decides are inactive."""
    sizes = dict(zip(model.index, np.bincount(nearest.numbers, minlength=len(model.segments)).tolist(), strict=True))
    undecided = customers - len(nearest.numbers)
    return sizes | {INACTIVE: undecided} if undecided else sizes


def take_reference(model: SegmentModel, population: Population) -> Reference | None:
    """The reference of a population; None if fewer than :data:`MIN_RECENT` customers are recent."""
    recent = clustered(model, population.recent)
    if len(recent) < MIN_RECENT:
        return None
    nearest = nearest_centroids(model, clustered(model, population))
    edges = {name: quantile_edges(values) for name, values in recent.features.items()} | {FEATURES[0]: WEEKS}
    return Reference(
        edges={name: values.tolist() for name, values in edges.items()},
        binned={name: counts(values, edges[name]).tolist() for name, values in recent.features.items()},
        segments=segment_sizes(model, nearest, len(population)),
        inertia=float(nearest.squares.mean()),
    )


def reference_of(model: SegmentModel) -> Reference | None:
    """The reference in a model's metadata; None if there is none or it is invalid."""
    found = model.metadata.get(METADATA_KEY)
    if not isinstance(found, Mapping):
        return None
    try:
        reference = msgspec.convert(found, Reference)
    except msgspec.ValidationError:
        return None
    complete = all(len(reference.binned.get(name, [])) == len(reference.edges.get(name, [])) + 1 for name in FEATURES)
    return reference if complete and reference.customers else None
