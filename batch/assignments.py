"""Every customer with the segment that a model assigns, as a table for a file."""

import pandas as pd

from models.scoring import assign, monetary_value, net_or_gross
from models.segment_model import SegmentModel
from models.units import money_text


def assignments(profiles: pd.DataFrame, model: SegmentModel) -> pd.DataFrame:
    """Assign customers to segments, exactly as the stream does.

    Parameters
    ----------
    profiles
        As :func:`batch.profiles.profiles_as_of` returns them, with the model's window.

    Returns
    -------
    DataFrame
        One row per customer, in the order of ``profiles``: ``customer``, ``segment`` (its id), ``name`` (of the
        segment), ``recency_days``, ``frequency``, ``monetary`` (as the model defines it), ``gross``, ``returned``,
        ``last_purchase_at`` (ISO 8601). Amounts are text in currency units. Under a model with a window,
        ``window_days`` follows: frequency and amounts are those of this many days.
    """
    gross, returned = (profiles[name].to_numpy() for name in ("gross_units", "returned_units"))
    recency, frequency = (profiles[name].to_numpy() for name in ("recency_days", "frequency"))
    numbers = assign(model, recency, frequency, monetary_value(model, gross, returned))
    chosen = [model.segments[number] for number in numbers.tolist()]
    amounts = {"monetary": net_or_gross(model.monetary, gross, returned), "gross": gross, "returned": returned}
    return pd.DataFrame(
        {
            "customer": profiles.index,
            "segment": [segment.id for segment in chosen],
            "name": [segment.name for segment in chosen],
            "recency_days": recency,
            "frequency": frequency,
            **{name: [money_text(units) for units in column.tolist()] for name, column in amounts.items()},
            "last_purchase_at": [moment.isoformat() for moment in profiles["last_purchase_at"]],
            **({} if model.window_days is None else {"window_days": model.window_days}),
        }
    )
