"""When time alone will move a customer: the next segment change if nothing is bought, in closed form.

With frequency and monetary value fixed, a customer moves along a straight line through standardised space as recency
grows. For two centroids i and j the difference of squared distances along that line is linear in standardised
recency x, since the squared terms cancel:

    d_i(x) - d_j(x) = 2 x (c_j - c_i) - (c_j^2 - c_i^2) - (o_j - o_i)

where c is a centroid's recency and o the squared distance off the recency axis. Only a centroid with a greater recency
can come nearer as x grows, and it does so at

    x* = (c_j^2 - c_i^2 + o_j - o_i) / (2 (c_j - c_i))

The smallest x* over j, taken back through the standardisation and the transform, is the border; the change becomes
true on the first whole day past it.
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
    # One day of room below, against rounding in the closed form; the scorer itself has the last word on the day.
    earliest = np.maximum(_border_days(model, segment, off_axis) - 1, recency_days + 1)
    candidates = np.minimum(earliest[:, None] + np.arange(4), HORIZON_DAYS)
    scored = np.stack([nearest(model, transformed(model, 0, days), off_axis) for days in candidates.T], axis=1)
    moved = (scored != segment[:, None]) & (candidates > recency_days[:, None])
    first = moved.argmax(axis=1)
    rows = np.arange(len(segment))
    changes = moved[rows, first]
    return NextChange(
        np.where(changes, candidates[rows, first], NEVER), np.where(changes, scored[rows, first], NO_SEGMENT)
    )


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
    return np.ceil(np.clip(days, 0, HORIZON_DAYS)).astype(np.int64)
