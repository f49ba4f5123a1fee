"""Which predictions a page as of a past day shows, and what they had seen by then. Pure."""

from datetime import datetime

from dashboard.shared import style
from models.rhythm.carried import METADATA_KEY, rhythm_of
from models.segment_model import SegmentModel
from models.units import from_micros, to_micros

#: The key, in a rhythm model's metadata, of the moment up to which it has seen orders, in microseconds.
FITTED_AT = "fitted_at"


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
    fitted = fitted_at(rhythm.metadata)
    if fitted is None:
        return f"{whose}; it does not say when they were fitted, so they may have seen what came after this day."
    if has_seen(rhythm.metadata, at):
        return (
            f"{whose}. They were fitted on the orders up to {style.date(fitted)}, after this day: they have seen what "
            "these customers did next, and do not show how right predictions would have been."
        )
    return f"{whose}. They were fitted on the orders up to {style.date(fitted)}, and have seen none after this day."


def fitted_at(metadata: dict[str, object]) -> datetime | None:
    """Up to when a rhythm model has seen orders, by its metadata; None if they do not say."""
    found = metadata.get(FITTED_AT)
    return from_micros(found) if isinstance(found, int) else None


def has_seen(metadata: dict[str, object], at: datetime) -> bool:
    """Whether a rhythm model has, or may have, seen orders after a moment."""
    fitted = fitted_at(metadata)
    return fitted is None or to_micros(fitted) > to_micros(at)
