"""What customers looked like to a model when it was fitted: what drift is measured against.

It travels in the model's metadata, so it decides nothing, and two models of equal definition have equal versions. The
features are looked at among *recent* customers, who bought in the last four weeks: everybody's recency grows and
everybody's sums only grow, so the whole base of a healthy shop ages for ever; those who buy these days are alike as
long as the shop is.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from models.drift.psi import counts, quantile_edges
from models.segment_model import FEATURES, SegmentModel, assign, off_axis_distances, transformed
from models.units import Floats, Ints

METADATA_KEY = "reference"
#: Whole weeks, so that every weekday counts as often.
RECENT_DAYS = 28
# Bins of recency: whole weeks too. By the day, a shop that closes on Saturdays looks another one every day of the week.
WEEKS: Floats = np.arange(7.0, RECENT_DAYS, 7.0)
#: Fewer recent customers than this tell nothing.
FEWEST = 30


class Population(Struct, frozen=True):
    """Everybody's recency (days), frequency and monetary value (currency units) at a moment; each of shape (n,)."""

    recency: Ints
    frequency: Ints
    monetary: Floats

    def where(self, chosen: Any) -> "Population":
        """Some of them, by mask or by row."""
        return Population(self.recency[chosen], self.frequency[chosen], self.monetary[chosen])

    @property
    def recent(self) -> "Population":
        """Those who bought in the last :data:`RECENT_DAYS` days."""
        return self.where(self.recency < RECENT_DAYS)

    @property
    def features(self) -> dict[str, Floats | Ints]:
        """The three columns by name."""
        return dict(zip(FEATURES, (self.recency, self.frequency, self.monetary), strict=True))

    def __len__(self) -> int:
        """How many customers there are."""
        return len(self.recency)


class Reference(Struct, frozen=True):
    """Counts of recent customers by bin of each feature, and of all customers by segment.

    Parameters
    ----------
    edges, binned
        By feature: inner edges of the bins, and how many recent customers were in each.
    segments
        By segment id: how many of all customers.
    inertia
        Mean squared distance of all customers to their nearest centroid, in squared standard deviations.
    """

    edges: dict[str, list[float]]
    binned: dict[str, list[int]]
    segments: dict[str, int]
    inertia: float

    @property
    def customers(self) -> int:
        """How many recent customers it was taken from."""
        return sum(self.binned[FEATURES[0]])

    def bins(self, feature: str) -> tuple[Floats, Ints]:
        """The edges of a feature's bins, and how many were in each."""
        return np.array(self.edges[feature], dtype=np.float64), np.array(self.binned[feature], dtype=np.int64)


def standardised(model: SegmentModel, population: Population) -> Floats:
    """Where customers stand in the model's space, shape (n, 3)."""
    columns: tuple[Ints | Floats, ...] = (population.recency, population.frequency, population.monetary)
    return np.column_stack([transformed(model, feature, column) for feature, column in enumerate(columns)])


def squared_distances(model: SegmentModel, population: Population) -> Floats:
    """Squared distance of each customer to the nearest centroid, shape (n,), in squared standard deviations."""
    recency = transformed(model, 0, population.recency)[:, None]
    off_axis = off_axis_distances(model, population.frequency, population.monetary)
    return np.asarray(((recency - model.centroids[:, 0]) ** 2 + off_axis).min(axis=1))


def segment_sizes(model: SegmentModel, population: Population) -> dict[str, int]:
    """How many customers are in each segment, by id, in the model's order."""
    numbers = assign(model, population.recency, population.frequency, population.monetary)
    sizes = np.bincount(numbers, minlength=len(model.segments)).tolist()
    return dict(zip(model.index, sizes, strict=True))


def take_reference(model: SegmentModel, population: Population) -> Reference | None:
    """The reference of a population; None if too few of it are recent."""
    recent = population.recent
    if len(recent) < FEWEST:
        return None
    edges = {name: quantile_edges(values) for name, values in recent.features.items()} | {FEATURES[0]: WEEKS}
    return Reference(
        edges={name: values.tolist() for name, values in edges.items()},
        binned={name: counts(values, edges[name]).tolist() for name, values in recent.features.items()},
        segments=segment_sizes(model, population),
        inertia=float(squared_distances(model, population).mean()),
    )


def reference_of(model: SegmentModel) -> Reference | None:
    """The reference that a model brings along; None for one that was fitted elsewhere or on too few."""
    found = model.metadata.get(METADATA_KEY)
    if not isinstance(found, Mapping):
        return None
    try:
        reference = msgspec.convert(found, Reference)
    except msgspec.ValidationError:
        return None
    complete = all(len(reference.binned.get(name, [])) == len(reference.edges.get(name, [])) + 1 for name in FEATURES)
    return reference if complete and reference.customers else None
