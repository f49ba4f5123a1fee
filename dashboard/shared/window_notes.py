"""What a page says about numbers under a model with a trailing window."""

from models.segment_model import SegmentModel
from models.window_text import last_days
from runtime.counts import many


def counted(model: SegmentModel) -> str:
    """What purchases and spend count on a page; empty if they count everything."""
    if model.window_days is None:
        return ""
    return f"Purchases and spend are those in {last_days(model.window_days)}; recency counts from the last purchase."


def moved(model: SegmentModel) -> str:
    """What the spend of those who moved counts; empty if it counts everything."""
    if model.window_days is None:
        return ""
    return f"The spend of a customer who moved is what the model counted then: that in {last_days(model.window_days)}."


def lifetime(model: SegmentModel, what: str) -> str:
    """That some numbers count everything, although the segments do not; empty if these do, too."""
    if model.window_days is None:
        return ""
    return f"{what} of all time. The segments count {last_days(model.window_days)}."


def expiry(window_days: int | None) -> str:
    """That orders expire, as a sentence after another one; empty if everything counts forever."""
    if window_days is None:
        return ""
    return f" An order that is {many(window_days, 'day')} old no longer counts, which can move a customer, too."
