"""The next change by time alone of customers at a past moment, under a model with a trailing window. Pure.

Orders leave the window one by one, so the numbers of a profile do not tell the next change; the orders that were in the
window do. The worker's own function decides, the one that assigns everybody to the segments of a new model.
"""

from dataclasses import replace

import numpy as np

from models.published_outlook import PublishedOutlook
from models.segment_model import NO_SEGMENT, SegmentModel
from models.units import Ints
from stream_app.core.columns import Profiles
from stream_app.core.counted import CountedTransactions
from stream_app.core.transition import rescore

#: Enough customers for whole arrays to be quick, and few enough for little memory.
PART = 20_000


def outlook_in_a_window(
    model: SegmentModel, segment: Ints, counts_from: Ints, at: int, counted: CountedTransactions, part: int = PART
) -> PublishedOutlook:
    """The next change of n customers after the moment ``at``, in microseconds, by silence or by an expiry.

    Parameters
    ----------
    model
        It has a window.
    segment
        Shape (n,): the number of the published segment.
    counts_from
        Shape (n,): the moment from which recency counts, in microseconds, not after ``at``.
    counted
        What all of these customers had in the window at the moment, in the order of customers.
    part
        How many customers are computed at once.
    """
    begins = np.arange(0, max(len(segment), 1), part)
    cuts = np.searchsorted(counted.customer, begins).tolist()
    parts = []
    for begin, first, end in zip(begins.tolist(), cuts, [*cuts[1:], len(counted)], strict=True):
        here, rows = counted.select(np.arange(first, end)), slice(begin, begin + part)
        here = replace(here, customer=here.customer - begin)
        parts.append(_part(model, segment[rows], counts_from[rows], at, here))
    return PublishedOutlook(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _part(
    model: SegmentModel, segment: Ints, counts_from: Ints, at: int, counted: CountedTransactions
) -> PublishedOutlook:
    everybody = Profiles.new([""] * len(segment))
    # Every customer has bought; how often and for how much is what counts in the window.
    before = replace(
        everybody, frequency=np.ones_like(segment), last_purchase_at=counts_from, last_event_at=counts_from
    )
    found = rescore(model, before, at, counted).profiles
    fits = found.segment == segment
    return PublishedOutlook(
        fits,
        np.where(fits, found.next_change_at, everybody.next_change_at),
        np.where(fits, found.next_segment, NO_SEGMENT),
    )
