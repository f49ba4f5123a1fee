"""Which predictions a page as of a past day shows, and what they had seen by then. Pure."""

from datetime import datetime

from dashboard.shared import style
from models.rhythm.carried import METADATA_KEY, rhythm_of
from models.rhythm.checked_model import fitted_at, has_seen
from models.segment_model import SegmentModel
from models.units import from_micros, to_micros


def sentence(model: SegmentModel, at: datetime) -> str:
    """Whose predictions these are, when they were fitted, and whether that was after the day.

    Parameters
    ----------
    model
        The segment model that was active at the moment.
    """
    rhythm = rhythm_of(model)
    if rhythm is None:
        is_broken = METADATA_KEY in model.metadata
        reason = "has predictions that this version cannot use" if is_broken else "was fitted without predictions"
        return f"No predictions: the model that was active then, {model.version}, {reason}."
    whose = f"Predictions are those of the model that was active then, {model.version}"
    seen_until = fitted_at(rhythm)
    if seen_until is None:
        return f"{whose}; it does not say when they were fitted, so they may have seen what came after this day."
    fitted = from_micros(seen_until)
    if has_seen(rhythm, to_micros(at)):
        return (
            f"{whose}. They were fitted on the orders up to {style.date(fitted)}, after this day: they have seen what "
            "these customers did next, and do not show how right predictions would have been."
        )
    return f"{whose}. They were fitted on the orders up to {style.date(fitted)}, and have seen none after this day."
