"""Every customer's past state as a table for a file, and the segments' sizes in it."""

from typing import Any

import numpy as np
import pandas as pd

from data.postgres.past_states import Models, monetary_units
from models.units import money_text


def past_table(states: pd.DataFrame, models: Models) -> pd.DataFrame:
    """One row per customer, with names of segments and amounts as text in currency units.

    Parameters
    ----------
    states
        As :func:`data.postgres.past_states.past_states` returns them.
    models
        By version: all registered models, the champion last.

    Returns
    -------
    DataFrame
        ``customer, segment, name, previous_segment, previous_name, since, recency_days, frequency, monetary`` (as the
        model of the moment counts it), ``gross, returned, last_purchase_at``. A cell is empty where there is nothing.
        If a model of the moment has a window, ``window_days`` follows: frequency and amounts count only these days.
    """
    names = segment_names(models)
    amounts = {"monetary": monetary_units(states, models)}
    amounts |= {name: states[f"counted_{name}_units"].to_numpy() for name in ("gross", "returned")}
    windows = states["model_version"].map({version: model.window_days for version, model in models.items()})
    return pd.DataFrame(
        {
            "customer": states["customer_id"],
            "segment": states["segment"],
            "name": [_name(models, names, *pair) for pair in _pairs(states, "segment")],
            "previous_segment": states["previous_segment"],
            "previous_name": [names.get(segment) for segment in states["previous_segment"]],
            "since": _moments(states["segment_since"]),
            "recency_days": states["recency_days"],
            "frequency": states["counted_frequency"],
            **{name: [money_text(units) for units in column.tolist()] for name, column in amounts.items()},
            "last_purchase_at": _moments(states["last_purchase_at"]),
            **({"window_days": windows.astype("Int64")} if windows.notna().any() else {}),
        }
    )


def segment_sizes(table: pd.DataFrame, states: pd.DataFrame, models: Models) -> pd.DataFrame:
    """Customers and spend by segment, in the order of the last model's segments: ``segment, name, customers, spend``.

    ``spend`` is in ten-thousandths, M as the model of the moment counts it. Customers in no segment are left out.
    """
    rows = table.assign(units=monetary_units(states, models)).dropna(subset=["segment"])
    found = rows.groupby("segment", as_index=False).agg(
        name=("name", "first"), customers=("segment", "size"), spend=("units", "sum")
    )
    ids = dict.fromkeys(segment.id for model in reversed([*models.values()]) for segment in model.segments)
    known = {segment: number for number, segment in enumerate(ids)}
    order = found["segment"].map(lambda segment: known.get(segment, len(known)))
    return found.iloc[np.lexsort([found["segment"], order])].reset_index(drop=True)


def segment_names(models: Models) -> dict[str, str]:
    """Every segment's name by its id; where models differ, that of the last one."""
    return {segment.id: segment.name for model in models.values() for segment in model.segments}


def _pairs(states: pd.DataFrame, column: str) -> "zip[tuple[Any, Any]]":
    return zip(states["model_version"], states[column], strict=True)


def _name(models: Models, names: dict[str, str], version: str | None, segment: str | None) -> str | None:
    model = None if version is None else models.get(version)
    number = None if model is None or segment is None else model.index.get(segment)
    # On the day of an activation, some customers are still in a segment of the former model.
    if model is None or number is None:
        return None if segment is None else names.get(segment, segment)
    return model.segments[number].name


def _moments(column: "pd.Series[Any]") -> list[str | None]:
    return [None if pd.isna(moment) else moment.isoformat() for moment in column]
