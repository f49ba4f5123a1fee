"""The challenger: the champion's centroids, following the customers of today with small steps.

River's incremental KMeans moves the nearest centre of each customer that it is shown a small part of the way to them
(MacQueen 1967). It starts from the champion and lives in the champion's space, so whatever it has become is a segment
model like any other: one can look at it, compare it and promote it. It never assigns anybody by itself.
"""

from typing import Any

import numpy as np
from msgspec.structs import replace

from models.alignment import align
from models.drift.reference import Population, standardised
from models.segment_model import Point, Segment, SegmentModel, build

#: The part of the way that a centre moves towards a customer: it remembers some five hundred of them.
STEP = 0.002
#: How many customers of every window it is shown.
SHOWN = 32
ORIGIN = "shadow"


class Challenger:
    """Starts as the champion, and learns. A pure fold: the same windows give the same models."""

    def __init__(self, champion: SegmentModel) -> None:
        # river takes a second to import: only what observes drift pays for it.
        from river.cluster import KMeans

        self._champion = champion
        clusterer: Any = KMeans
        self._kmeans = clusterer(n_clusters=len(champion.segments), halflife=STEP, seed=0)
        self._kmeans.centers = {
            number: dict(enumerate(segment.centroid)) for number, segment in enumerate(champion.segments)
        }

    def learn(self, base: Population, seed: int) -> None:
        """Show it a sample of all customers; the seed decides which."""
        if not len(base):
            return
        rows = np.random.default_rng(seed).integers(0, len(base), SHOWN)
        for point in standardised(self._champion, base.where(rows)).tolist():
            self._kmeans.learn_one(dict(enumerate(point)))

    def model(self, cutoff: str) -> SegmentModel:
        """What it has become by a moment, in the champion's words where the meaning has stayed."""
        champion = self._champion
        points = [_point(self._kmeans.centers[number]) for number in range(len(champion.segments))]
        metadata = {"origin": ORIGIN, "champion": champion.version, "cutoff": cutoff}
        if "scaler" in champion.metadata:
            metadata["scaler"] = champion.metadata["scaler"]
        return build(
            champion.monetary, champion.transform, champion.means, champion.scales, self._named(points), metadata
        )

    def _named(self, points: list[Point]) -> tuple[Segment, ...]:
        """Names are matched in standard deviations; in another scaler's units, a centre keeps the one it began with."""
        champion = self._champion
        if champion.metadata.get("scaler", "standard") == "standard":
            return align(np.array(points), champion)
        return tuple(replace(segment, centroid=point) for segment, point in zip(champion.segments, points, strict=True))


def _point(centre: dict[int, float]) -> Point:
    return centre[0], centre[1], centre[2]
