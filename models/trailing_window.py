"""Models whose frequency and monetary value count over a trailing window of whole days.

A purchase counts until the moment at which it is as old as the window, and no longer. A customer who has bought, but
not in the window, is inactive, whatever the centroids are: their place in the space says nothing about customers
without a purchase. The segment of these customers is the last one, and its centroid is for charts alone.
"""

import msgspec
import numpy as np

from models.personas import INACTIVE_ARCHETYPE, blank_segment
from models.scoring import transformed
from models.segment_model import SegmentModel, build


def with_window(model: SegmentModel, window_days: int) -> SegmentModel:
    """A model without a window as one with a window, and with the segment of inactive customers.

    Its centroid is where a customer is on the first day of being inactive: the recency is the window, and there is
    neither a purchase nor money in it.

    Raises
    ------
    ModelError
        If the window has too few or too many days, or the model has a window already.

    Examples
    --------
    >>> from models.segment_model import Segment
    >>> segment = Segment("one", "One", "", "#000000", "", (0.0, 0.0, 0.0))
    >>> model = with_window(build("net", "identity", (0, 0, 0), (10, 1, 1), (segment,)), 365)
    >>> [(segment.id, segment.centroid) for segment in model.segments]
    [('one', (0.0, 0.0, 0.0)), ('inactive', (36.5, 0.0, 0.0))]
    """
    # A negative number of days has no logarithm; `build` refuses it.
    first_day = (max(window_days, 0), 0, 0)
    recency, frequency, monetary = (
        float(transformed(model, feature, np.array([value]))[0]) for feature, value in enumerate(first_day)
    )
    inactive = msgspec.structs.replace(blank_segment(INACTIVE_ARCHETYPE), centroid=(recency, frequency, monetary))
    return build(
        model.monetary,
        model.transform,
        model.means,
        model.scales,
        (*model.segments, inactive),
        model.metadata,
        model.recency_unit,
        window_days,
    )
