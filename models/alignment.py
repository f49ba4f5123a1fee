"""Keeping names with their meaning: the segments of a refit are called what the champion calls their like.

The champion's own centroids stand in for the prototypes of the personas that it uses, and the other personas cost
extra. Everything is matched at once, so a segment that has stayed keeps its name, one that has really become something
else gets the name of that, and a further one gets a name that is still free. Both models are looked at in their own
standardised space: what a name says is how customers stand among all the others of their time, so that inflation or a
slow year renames nobody.
"""

import msgspec
import numpy as np

from models.personas import ARCHETYPES, RANK, blank_segment, checked_points, closest
from models.segment_model import Segment, SegmentModel
from models.units import Floats

# What a persona that the champion doesn't use costs, as a weighted squared distance: a segment's recency may drift by
# half a standard deviation before another persona can have it.
_UNUSED_COST = 0.75


def align(centroids: Floats, champion: SegmentModel) -> tuple[Segment, ...]:
    """Make segments of centroids as :func:`models.personas.name_segments` does, in the champion's words.

    Parameters
    ----------
    centroids
        Shape (k, 3), standardised recency, frequency and monetary value, on the champion's transform; k may differ
        from the champion's.

    Returns
    -------
    tuple of Segment
        Ordered by rank, best customers first.

    Raises
    ------
    ModelError
        If there are more centroids than personas, or they are not k finite points.
    """
    points = checked_points(centroids)
    used = {segment.id: segment for segment in champion.segments}
    own = [segment for segment in champion.segments if segment.id not in RANK]
    names = [blank_segment(archetype) for archetype in ARCHETYPES] + own
    places = np.array([used.get(name.id, name).centroid for name in names])
    cost = np.array([0.0 if name.id in used else _UNUSED_COST for name in names])
    chosen = closest(points, places, cost)
    return tuple(
        msgspec.structs.replace(names[chosen[row]], centroid=tuple(points[row].tolist())) for row in np.argsort(chosen)
    )
