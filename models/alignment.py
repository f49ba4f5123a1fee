"""Alignment: a refit's segments keep the names of the champion's segments that they correspond to.

The champion's centroids replace the prototypes of the personas that the champion uses, and every other persona costs
extra. All segments are matched at once: a segment that has hardly moved keeps its name, a segment that has become
something else gets the matching persona, and an additional segment gets a persona that is not in use.

Each model's centroids are compared in its own standardised space. A name describes how customers compare with all other
customers of the same time, so inflation or a slow year renames no segment.
"""

import msgspec
import numpy as np

from models.personas import ARCHETYPES, RANK, blank_segment, checked_points, match
from models.segment_model import Segment, SegmentModel
from models.units import Floats

#: The extra cost of a persona that the champion does not use, as a weighted squared distance. Recency has weight 3, so
#: a segment near the mean can drift by half a standard deviation of recency (3 * 0.5**2) before an unused persona at
#: its new location can win. Evidence: benchmarks/persona_evidence.py, shown in docs/models.md.
UNUSED_COST = 0.75


def align(centroids: Floats, champion: SegmentModel, unused_cost: float = UNUSED_COST) -> tuple[Segment, ...]:
    """Name centroids as :func:`models.personas.name_segments` does, and keep the champion's names where they fit.

    Parameters
    ----------
    centroids
        Shape (k, 3), standardised recency, frequency and monetary value, on the champion's transform; k may differ
        from the champion's.
    unused_cost
        The extra cost of a persona that the champion does not use.

    Returns
    -------
    tuple of Segment
        Ordered by rank, best customers first; segments with an id that is no archetype's come last.

    Raises
    ------
    ModelError
        If there are more centroids than personas, or they are not k finite points.

    Examples
    --------
    Under :func:`models.personas.name_segments` alone, the second segment would be called Promising:

    >>> from models.personas import name_segments
    >>> from models.segment_model import build
    >>> champion = build("net", "log1p", (4, 1, 6), (1, 1, 1), name_segments(np.array([[-1, 2, 2], [0.0, 0.2, 0.3]])))
    >>> refit = np.array([[-1.0, 1.9, 2.0], [-0.45, -0.2, 0.0]])
    >>> [segment.id for segment in name_segments(refit)]
    ['champions', 'promising']
    >>> [segment.id for segment in align(refit, champion)]
    ['champions', 'needs_attention']
    """
    points = checked_points(centroids)
    used = {segment.id: segment for segment in champion.segments}
    own = [segment for segment in champion.segments if segment.id not in RANK]
    names = [blank_segment(archetype) for archetype in ARCHETYPES] + own
    prototypes = np.array([used.get(name.id, name).centroid for name in names])
    cost = np.array([0.0 if name.id in used else unused_cost for name in names])
    chosen = match(points, prototypes, cost)
    return tuple(
        msgspec.structs.replace(names[chosen[row]], centroid=tuple(points[row].tolist())) for row in np.argsort(chosen)
    )
