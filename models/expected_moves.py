"""Which moves a model makes: what time alone does to its customers, and what their next purchase does.

:mod:`models.moves` counts the moves of a history. Here there is none: the closed form of :mod:`models.decay` follows
each customer through silence, so that the direction of a model is known as soon as it is fitted.
"""

import numpy as np

from models.decay import next_change
from models.moves import Direction
from models.scoring import assign
from models.segment_model import SegmentModel
from models.units import Floats, Ints

#: Moves after this many days of silence do not count: hardly any customer is followed for longer.
HORIZON_DAYS = 2 * 365


def expected_direction(model: SegmentModel, recency_days: Ints, frequency: Ints, monetary: Floats) -> Direction:
    """Count the moves that customers make if they wait for two years after a purchase, or if they buy now.

    Parameters
    ----------
    recency_days, frequency, monetary
        Shape (n,), as for :func:`models.scoring.assign`; frequencies are at least 1. A customer's next purchase is as
        large as the mean of the former ones.

    Returns
    -------
    Direction
        Its moves by time are all moves of the first two years after a purchase; its moves by a purchase are those of
        customers whose segment is another one after a purchase now.

    Examples
    --------
    The better segment has the greater recency, so a customer climbs by waiting:

    >>> from models.segment_model import Segment, build
    >>> better = Segment("better", "Better", "", "#000000", "", (10.0, 0.0, 0.0))
    >>> worse = Segment("worse", "Worse", "", "#000000", "", (0.0, 0.0, 0.0))
    >>> model = build("net", "identity", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (better, worse))
    >>> expected_direction(model, np.array([20]), np.array([1]), np.array([5.0]))
    Direction(by_time=1, climbs=1, by_purchase=1, falls=1)
    """
    by_time, climbs = _by_time(model, frequency, monetary)
    before = assign(model, recency_days, frequency, monetary)
    after = assign(model, np.zeros_like(recency_days), frequency + 1, monetary + monetary / frequency)
    return Direction(by_time, climbs, int((after != before).sum()), int((after > before).sum()))


def _by_time(model: SegmentModel, frequency: Ints, monetary: Floats) -> tuple[int, int]:
    """All moves by time, and those that climb."""
    recency = np.zeros(len(frequency), dtype=np.int64)
    segment = assign(model, recency, frequency, monetary)
    by_time = climbs = 0
    while len(segment):
        change = next_change(model, segment, recency, frequency, monetary)
        moving = change.recency_days <= HORIZON_DAYS
        by_time += int(moving.sum())
        climbs += int((change.segment[moving] < segment[moving]).sum())
        recency, segment = change.recency_days[moving], change.segment[moving]
        frequency, monetary = frequency[moving], monetary[moving]
    return by_time, climbs
