"""Decay: the next segment change of a customer who buys nothing more, in closed form.

With frequency and monetary value fixed, a customer moves along a straight line through standardised space as recency
grows. For two centroids i and j, the difference of the squared distances along that line is linear in standardised
recency x, because the squared terms cancel:

    d_i(x) - d_j(x) = 2 x (c_j - c_i) - (c_j^2 - c_i^2) - (o_j - o_i)

where c is a centroid's recency and o is the squared distance off the recency axis. Only a centroid with a greater
recency can become the nearest one as x grows, and it does so at

    x* = (c_j^2 - c_i^2 + o_j - o_i) / (2 (c_j - c_i))

The smallest x* over j, mapped back through the standardisation, the transform and the recency unit, is the border. The
change becomes true on the first whole day past the border. A segment is a Voronoi cell and therefore convex: a customer
who has left it never returns by waiting.

The closed form proposes a day and the scorer decides. The change is between a day on which the customer is still in the
segment and a later day on which the customer has left it. If rounding makes the closed form inexact (centroids that
almost coincide), bisection of that interval finds the day.
"""

from typing import NamedTuple

import numpy as np

from models.scoring import nearest, off_axis_distances, transformed, untransformed
from models.segment_model import NO_SEGMENT, SegmentModel
from models.units import Bools, Floats, Ints

NEVER = np.iinfo(np.int64).max
# A change more than this many days ahead counts as "never": times in events must lie within a span of 230 years.
HORIZON_DAYS = 100_000


class NextDecay(NamedTuple):
    """The recency in days at which the change becomes true, and the new segment; ``NEVER`` and -1 if there is none."""

    recency_days: Ints
    segment: Ints


def next_change(model: SegmentModel, segment: Ints, recency_days: Ints, frequency: Ints, monetary: Floats) -> NextDecay:
    """The first whole day after ``recency_days`` on which each of n customers is in another segment.

    Frequency and monetary value stay as they are: expiries under a model with a window are no matter of recency. A
    customer who is inactive stays so.

    Parameters
    ----------
    segment
        Shape (n,): the number of the segment at ``recency_days``, as :func:`models.scoring.assign` gives it.
    recency_days, frequency, monetary
        Shape (n,), as for :func:`models.scoring.assign`.

    Examples
    --------
    Centroids at a recency of 0 and 10 days have their border at 5 days; on the border the lower number wins:

    >>> from models.segment_model import Segment, build
    >>> near = Segment("near", "Near", "", "#000000", "", (0.0, 0.0, 0.0))
    >>> far = Segment("far", "Far", "", "#000000", "", (10.0, 0.0, 0.0))
    >>> model = build("net", "identity", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (near, far))
    >>> change = next_change(model, np.array([0]), np.array([2]), np.array([0]), np.array([0.0]))
    >>> change.recency_days.tolist(), change.segment.tolist()
    ([6], [1])
    """
    if model.window_days is not None and not (active := frequency > 0).all():
        return _of_active(model, active, segment, recency_days, frequency, monetary)
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
    return NextDecay(np.where(changes, leaves, NEVER), np.where(changes, target, NO_SEGMENT))


def _of_active(
    model: SegmentModel, active: Bools, segment: Ints, recency_days: Ints, frequency: Ints, monetary: Floats
) -> NextDecay:
    """:func:`next_change`, which inactive customers never have."""
    days, target = np.full(len(active), NEVER), np.full(len(active), NO_SEGMENT)
    found = next_change(model, segment[active], recency_days[active], frequency[active], monetary[active])
    days[active], target[active] = found
    return NextDecay(days, target)


def _border_days(model: SegmentModel, segment: Ints, off_axis: Floats) -> Ints:
    """The first whole day at or after the nearest border, at most the horizon."""
    centroid = model.scored_centroids[:, 0]
    ahead = centroid[None, :] - centroid[segment][:, None]
    rise = centroid[None, :] ** 2 - (centroid[segment] ** 2)[:, None]
    off_axis_rise = off_axis - off_axis[np.arange(len(segment)), segment][:, None]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        borders = np.where(ahead > 0, (rise + off_axis_rise) / (2 * ahead), np.inf)
        days = untransformed(model, 0, borders.min(axis=1))
    return np.asarray(np.ceil(np.clip(days, 0, HORIZON_DAYS)), dtype=np.int64)
