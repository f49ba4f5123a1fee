"""Builders of small values: models, transactions, ticks, profiles and the status of a webhook."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from data.contract.wire import Kind, Tick, Transaction
from models.segment_model import Segment, SegmentModel, Transform, build
from models.units import Floats, Ints

START = datetime(2010, 1, 1, 9, 30, tzinfo=UTC)
MEANS = {"log1p": (4.1, 1.1, 6.3), "identity": (200.0, 6.0, 2800.0)}
SCALES = {"log1p": (1.4, 0.8, 1.5), "identity": (210.0, 13.0, 13900.0)}


def recency_model(away: float = 20.0, lost: float = 60.0) -> SegmentModel:
    """Three segments along recency alone: the borders are half-way between 0, ``away`` and ``lost`` days."""

    def segment(name: str, days: float) -> Segment:
        return Segment(name, name.title(), "", "#000000", "", (days, 0.0, 0.0))

    segments = (segment("here", 0.0), segment("away", away), segment("lost", lost))
    return build("net", "identity", (0.0, 0.0, 0.0), (1.0, 1e9, 1e9), segments)


def transaction(number: int, days: float, kind: Kind = "sale", amount: str = "10", customer: str = "c") -> Transaction:
    """A transaction some days after :data:`START`."""
    return Transaction(f"T{number}", customer, START + timedelta(days=days), kind, amount, "GBP", "France", [])


def tick(days: float) -> Tick:
    """A tick some days after :data:`START`."""
    return Tick(START + timedelta(days=days))


def segments_at(*centroids: tuple[float, float, float]) -> tuple[Segment, ...]:
    """Segments ``s0``, ``s1``, ... with these centroids."""
    return tuple(
        Segment(f"s{number}", f"Segment {number}", "What it is.", "#0a1b2c", "What to do.", centroid)
        for number, centroid in enumerate(centroids)
    )


def random_model(transform: Transform, k: int, seed: int, unit: float = 1.0) -> SegmentModel:
    """A model of ``k`` segments with random centroids, whose recency counts in units of this many days."""
    means, scales = MEANS[transform], SCALES[transform]
    if unit != 1:
        # So that the segments lie among customers, as without a unit.
        recency = (90 / unit, 200 / unit) if transform == "identity" else (np.log1p(90 / unit), np.log1p(90 / unit) / 3)
        means, scales = (float(recency[0]), *means[1:]), (float(recency[1]), *scales[1:])
    centroids = np.random.default_rng(seed).normal(scale=1.3, size=(k, 3)).tolist()
    return build("net", transform, means, scales, segments_at(*map(tuple, centroids)), recency_unit=unit)


def random_profiles(count: int, seed: int) -> tuple[Ints, Ints, Floats]:
    """Recency in days, frequency and money of ``count`` random customers."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 900, count), rng.integers(1, 400, count), rng.gamma(0.4, 6_000, count).round(4)


@dataclass
class WebhookState:
    """The status of a webhook, for its health pages and its metrics."""

    delivered: int = 0
    abandoned: int = 0
    waiting: int = 0
    receiver_is_down: bool = False
    in_trouble: bool = False


GOOD_TRANSACTION = Transaction("T1", "c", datetime(2011, 5, 1, 12, tzinfo=UTC), "sale", "12.345", "GBP", "France", [])


def changed(**fields: object) -> bytes:
    """The value of a record: a good transaction with some other fields."""
    return msgspec.json.encode(msgspec.to_builtins(GOOD_TRANSACTION) | fields)
