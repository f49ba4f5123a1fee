"""The challenger: a copy of the champion whose centroids follow the customers of today in small steps.

Incremental KMeans moves the nearest centroid of each sampled customer a small fraction of the way to that customer. The
challenger starts from the champion and uses the champion's standardised space, so a snapshot of it is an ordinary
segment model that can be inspected, compared and promoted. A challenger assigns no customers until it is promoted.

References
----------
MacQueen, J. (1967). Some methods for classification and analysis of multivariate observations. Proceedings of the Fifth
Berkeley Symposium. The implementation is ``river.cluster.KMeans``.
"""

from typing import Any

import numpy as np
from msgspec.structs import replace

from models.alignment import align
from models.drift.reference import Population, clustered, standardised
from models.rank_order import in_rank_order
from models.segment_model import Point, Segment, SegmentModel, build
from models.trailing_window import with_window
from models.units import Ints

#: The fraction of the distance to a customer by which a centroid moves: an exponential memory of 1 / 0.002 = 500
#: customers per centroid. benchmarks/drift_evidence.py shows how the challenger fits a real year (docs/drift.md).
STEP = 0.002
#: Number of customers that are sampled on every observed day; chosen by judgement (docs/drift.md).
SAMPLE_SIZE = 32
ORIGIN = "shadow"


class Challenger:
    """A model that starts as the champion and learns. A pure fold: the same days give the same models."""

    def __init__(self, champion: SegmentModel) -> None:
        # Imported here because river takes a second to import and only drift observers need it.
        from river.cluster import KMeans

        self._champion = champion
        clusterer: Any = KMeans
        centroids = champion.scored_centroids.tolist()
        self._kmeans = clusterer(n_clusters=len(centroids), halflife=STEP, seed=0)
        self._kmeans.centers = {number: dict(enumerate(centroid)) for number, centroid in enumerate(centroids)}

    def learn(self, base: Population, seed: int) -> None:
        """Learn from a sample of all customers; the seed decides which."""
        base = clustered(self._champion, base)
        if not len(base):
            return
        rows = np.random.default_rng(seed).integers(0, len(base), SAMPLE_SIZE)
        for point in standardised(self._champion, base.where(rows)).tolist():
            self._kmeans.learn_one(dict(enumerate(point)))

    def model(self, cutoff: str) -> SegmentModel:
        """The current state as a segment model, with the champion's names where segments correspond.

        Parameters
        ----------
        cutoff
            ISO 8601 time of the last day learnt from; kept in the metadata.
        """
        champion = self._champion
        points = [_point(center) for _, center in sorted(self._kmeans.centers.items())]
        metadata: dict[str, Any] = {"origin": ORIGIN, "champion": champion.version, "cutoff": cutoff}
        metadata |= {name: champion.metadata[name] for name in ("scaler", "rank_order") if name in champion.metadata}
        learnt = build(
            champion.monetary,
            champion.transform,
            champion.means,
            champion.scales,
            self._ordered(self._named(points)),
            metadata,
            champion.recency_unit,
        )
        return learnt if champion.window_days is None else with_window(learnt, champion.window_days)

    def _named(self, points: list[Point]) -> tuple[Segment, ...]:
        """Alignment needs units of standard deviations; with another scaler, each centroid keeps its first name."""
        champion = self._champion
        if champion.metadata.get("scaler", "standard") == "standard":
            return align(np.array(points), champion)
        return tuple(
            replace(segment, centroid=point)
            for segment, point in zip(champion.segments[: len(points)], points, strict=True)
        )

    def _ordered(self, segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
        """Centroids that have left the rank order of a champion in rank order are put back into it."""
        if self._champion.metadata.get("rank_order") is not True:
            return segments
        ordered = in_rank_order(np.array([segment.centroid for segment in segments]), self._sizes(segments))
        points = (_point(dict(enumerate(row))) for row in ordered.tolist())
        return tuple(replace(segment, centroid=point) for segment, point in zip(segments, points, strict=True))

    def _sizes(self, segments: tuple[Segment, ...]) -> Ints:
        """The customers whom the champion was fitted on, by segment; 1 where that is unknown."""
        known = self._champion.metadata.get("sizes")
        sizes = known if isinstance(known, dict) else {}
        return np.array([sizes.get(segment.id, 1) for segment in segments])


def _point(centroid: dict[int, float]) -> Point:
    return centroid[0], centroid[1], centroid[2]
