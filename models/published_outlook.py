"""The next change by time alone of customers in published segments, at a moment of the past. Pure.

A published segment is the one that R, F and M decide, except for a customer whose orders came late or were revised:
those count in R, F and M from when they happened, and in the segment from when they were applied. For such a customer
nothing was computed at the moment that would fit both, so there is no next change to show.
"""

from typing import NamedTuple

import numpy as np

from models.decay import NEVER, next_change
from models.scoring import assign, monetary_value
from models.segment_model import NO_SEGMENT, SegmentModel
from models.units import MICROS_PER_DAY, Bools, Ints


class PublishedOutlook(NamedTuple):
    """What time alone does to n customers, each of shape (n,).

    Parameters
    ----------
    fits
        Whether R, F and M decide the published segment. Where they do not, the rest is ``NEVER`` and ``NO_SEGMENT``.
    next_change_at
        In microseconds; ``NEVER`` if time alone never moves the customer.
    next_segment
        The number of the segment that the change leads to; ``NO_SEGMENT`` if there is none.
    """

    fits: Bools
    next_change_at: Ints
    next_segment: Ints


def published_outlook(
    model: SegmentModel, segment: Ints, counts_from: Ints, at: int, frequency: Ints, gross: Ints, returned: Ints
) -> PublishedOutlook:
    """The next change of n customers after the moment ``at``, in microseconds.

    Under a model with a window no customer has one here: there, each order of the customer matters
    (:mod:`stream_app.core.outlook_in_a_window`).

    Parameters
    ----------
    segment
        Shape (n,): the number of the published segment.
    counts_from
        Shape (n,): the moment from which recency counts, in microseconds, not after ``at``.
    frequency, gross, returned
        Shape (n,): orders, and money in ten-thousandths, as the model counts them at the moment.
    """
    days, monetary = (at - counts_from) // MICROS_PER_DAY, monetary_value(model, gross, returned)
    fits = assign(model, days, frequency, monetary) == segment
    rows = np.flatnonzero(fits & (model.window_days is None))
    change = next_change(model, segment[rows], days[rows], frequency[rows], monetary[rows])
    moves = change.recency_days != NEVER
    at_moment, to_segment = np.full(len(fits), NEVER), np.full(len(fits), NO_SEGMENT)
    at_moment[rows[moves]] = counts_from[rows[moves]] + change.recency_days[moves] * MICROS_PER_DAY
    to_segment[rows[moves]] = change.segment[moves]
    return PublishedOutlook(fits, at_moment, to_segment)
