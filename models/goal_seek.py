"""Goal seek: the smallest single purchase that brings a customer into each segment.

A purchase sets recency to 0 and adds 1 to frequency, whatever its amount; the amount only adds to the monetary value.
So all possible results lie on a straight line in standardised space, along the monetary axis. On it, the border between
two centroids i and j is where their squared distances are equal:

    y* = (c_j^2 - c_i^2 + o_j - o_i) / (2 (c_j - c_i))

where c is a centroid's monetary value and o is its squared distance off the monetary axis. Between two neighbouring
borders the segment is the same. The closed form proposes amounts, a few steps around each border, and the scorer
decides, so that an amount is exact to the smallest unit of the currency.
"""

import numpy as np

from models.scoring import assign, before_floor, net_or_gross, transformed, untransformed
from models.segment_model import SegmentModel
from models.units import MONEY_UNITS, Floats, Ints

#: Amounts of more money units than these (a hundred million of the currency) are no realistic purchase.
MOST_UNITS = 10**12
#: How many steps around a border are asked: the closed form is off by less than one.
_AROUND = np.arange(-2, 3)


def smallest_purchases(model: SegmentModel, frequency: int, gross: int, returned: int, step: int) -> dict[int, int]:
    """The smallest purchase, in money units, that brings a customer into each segment that one purchase can reach.

    Parameters
    ----------
    frequency
        The customer's sales so far.
    gross, returned
        Their sums in money units.
    step
        The smallest unit of the currency in money units: 100 for cents. Amounts are whole steps, from one step on.

    Returns
    -------
    dict
        By segment number. The time of the purchase makes no difference, because recency is 0 after it.

    Examples
    --------
    >>> from models.segment_model import Segment, build
    >>> small = Segment("small", "Small", "", "#000000", "", (0.0, 0.0, 100.0))
    >>> great = Segment("great", "Great", "", "#000000", "", (0.0, 0.0, 200.0))
    >>> model = build("net", "identity", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (small, great))
    >>> smallest_purchases(model, frequency=1, gross=900_000, returned=100_000, step=100)
    {0: 100, 1: 700100}
    """
    spent = before_floor(model.monetary, int(gross), int(returned))

    def scored(amounts: Ints) -> Ints:
        monetary = net_or_gross(model.monetary, gross + amounts, np.full(len(amounts), returned)) / MONEY_UNITS
        return assign(model, np.zeros(len(amounts), dtype=np.int64), np.full(len(amounts), frequency + 1), monetary)

    steps = _proposed(model, frequency, spent, step)
    reached = scored(steps * step)
    # Where the closed form is inexact (centroids that almost coincide), bisection finds the step.
    while len(unsure := np.flatnonzero((reached[1:] != reached[:-1]) & (np.diff(steps) > 1))):
        steps = np.insert(steps, unsure + 1, (steps[unsure] + steps[unsure + 1]) // 2)
        reached = scored(steps * step)
    found: dict[int, int] = {}
    for number, steps_of_it in zip(reached.tolist(), steps.tolist(), strict=True):
        found.setdefault(number, steps_of_it * step)
    return found


def _proposed(model: SegmentModel, frequency: int, spent: int, step: int) -> Ints:
    """The amounts to ask the scorer about, in steps, ascending: the least, the greatest, and around each border."""
    with np.errstate(over="ignore"):
        borders = untransformed(model, 2, _borders(model, frequency)) * MONEY_UNITS - spent
    near = borders[np.isfinite(borders) & (borders < MOST_UNITS)]
    around = np.floor(np.maximum(near, 0) / step).astype(np.int64)[:, None] + _AROUND
    steps = np.unique(np.concatenate([around.ravel(), [1, MOST_UNITS // step]]))
    return np.asarray(steps[(steps >= 1) & (steps <= MOST_UNITS // step)])


def _borders(model: SegmentModel, frequency: int) -> Floats:
    """Where the line of all possible results crosses the border of two centroids, in standardised monetary value."""
    recency = transformed(model, 0, np.zeros(1))[0]
    frequencies = transformed(model, 1, np.array([frequency + 1]))[0]
    recencies, orders, centroid = model.scored_centroids.T
    off_axis = (recency - recencies) ** 2 + (frequencies - orders) ** 2
    one, other = np.triu_indices(len(centroid), k=1)
    ahead = centroid[other] - centroid[one]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rise = centroid[other] ** 2 - centroid[one] ** 2 + off_axis[other] - off_axis[one]
        return np.asarray(rise / (2 * ahead), dtype=np.float64)
