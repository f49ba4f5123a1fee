"""When time alone will move a customer: the next segment change if nothing is bought, in closed form.

With frequency and monetary value fixed, a customer moves along a straight line through standardised space as recency
grows. For two centroids i and j the difference of squared distances along that line is linear in standardised
recency x, since the squared terms cancel:

    d_i(x) - d_j(x) = 2 x (c_j - c_i) - (c_j^2 - c_i^2) - (o_j - o_i)

where c is a centroid's recency and o the squared distance off the recency axis. Only a centroid with a greater recency
can come nearer as x grows, and it does so at

    x* = (c_j^2 - c_i^2 + o_j - o_i) / (2 (c_j - c_i))

The smallest x* over j, taken back through the standardisation and the transform, is the border; the change becomes
true on the first whole day past it. A segment is convex, so a customer who has left it never comes back by waiting.

The closed form says where to look and the scorer has the last word: between a day on which the customer is still in
the segment and one on which they have left lies the change, and where rounding has blurred the closed form (centroids
that all but coincide) halving that interval finds it.
"""

from typing import NamedTuple

import numpy as np

from models.segment_model import NO_SEGMENT, SegmentModel, nearest, off_axis_distances, transformed
from models.units import Floats, Ints

NEVER = np.iinfo(np.int64).max
# Past this many days a change is "never": moments on the wire lie in a span of 230 years.
HORIZON_DAYS = 100_000


class NextChange(NamedTuple):
    """The day (recency at which the change becomes true) and the segment moved to; ``NEVER``, -1 where none comes."""

    recency_days: Ints
    segment: Ints


def next_change(
    model: SegmentModel, segment: Ints, recency_days: Ints, frequency: Ints, monetary: Floats
) -> NextChange:
    """The first whole day after ``recency_days`` on which each of n customers is in another segment.

    Parameters
    ----------
    segment
        Shape (n,): the number of the segment at ``recency_days``, as :func:`models.segment_model.assign` gives it.
    recency_days, frequency, monetary
        Shape (n,), as for :func:`models.segment_model.assign`.
    """
    off_axis = off_axis_distances(model, frequency, monetary)

    def scored(rows: Ints, days: Ints) -> Ints:
        return nearest(model, transformed(model, 0, days), off_axis[rows])

    rows = np.arange(len(segment))
    stays, leaves = np.array(recency_days), np.full(len(segment), HORIZON_DAYS)
    border = _border_days(model, segment, off_axis)
    for probe in (border - 1, border):
        inside = (stays < probe) & (probe < leaves)
        left = scored(rows, probe) != segment
        leaves, stays = np.where(inside & left, probe, leaves), np.where(inside & ~left, probe, stays)
    target = scored(rows, leaves)
    changes = (target != segment) & (leaves > recency_days)
    unsure = np.flatnonzero(changes & (leaves - stays > 1))
    while len(unsure):
        middle = (stays[unsure] + leaves[unsure]) // 2
        left = scored(unsure, middle) != segment[unsure]
        leaves[unsure[left]], stays[unsure[~left]] = middle[left], middle[~left]
        target[unsure] = scored(unsure, leaves[unsure])
        unsure = unsure[leaves[unsure] - stays[unsure] > 1]
    return NextChange(np.where(changes, leaves, NEVER), np.where(changes, target, NO_SEGMENT))


def _border_days(model: SegmentModel, segment: Ints, off_axis: Floats) -> Ints:
    """The whole day at or after which the nearest border lies, at most the horizon."""
    centre = model.centroids[:, 0]
    ahead = centre[None, :] - centre[segment][:, None]
    rise = centre[None, :] ** 2 - (centre[segment] ** 2)[:, None]
    off_axis_rise = off_axis - off_axis[np.arange(len(segment)), segment][:, None]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        borders = np.where(ahead > 0, (rise + off_axis_rise) / (2 * ahead), np.inf)
        border = borders.min(axis=1) * model.scales[0] + model.means[0]
        days = np.expm1(border) if model.transform == "log1p" else border
    return np.asarray(np.ceil(np.clip(days, 0, HORIZON_DAYS)), dtype=np.int64)
