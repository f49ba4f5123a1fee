"""Named presets of fits: Segue's default, and the classic one of published work."""

from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd

from batch.choices import PresetName, Scaler
from batch.pipeline import Inits
from models.segment_model import Monetary, Transform

DAY = timedelta(days=1)


class Preset(NamedTuple):
    """Arguments of :func:`batch.fit.fit`."""

    k: int
    monetary: Monetary
    transform: Transform
    scaler: Scaler
    seed: int
    n_init: Inits


PRESETS: dict[PresetName, Preset] = {
    "segue": Preset(k=5, monetary="net", transform="log1p", scaler="standard", seed=42, n_init=10),
    "classic": Preset(k=5, monetary="gross", transform="identity", scaler="standard", seed=42, n_init="auto"),
}


def classic_profiles(raw: pd.DataFrame) -> tuple[pd.DataFrame, datetime]:
    """Profiles as published work on Online Retail II defines them, and their as-of time.

    Every row with a customer and a positive quantity counts, including rows that a second export repeats. The as-of
    time is one day after the last of these rows.

    Parameters
    ----------
    raw
        Rows in the columns of :func:`data.datasets.frames.frame`.

    Returns
    -------
    DataFrame
        As :func:`batch.profiles.profiles_as_of` returns it, with ``returned_units`` 0.
    """
    rows = raw[raw["customer"].notna() & (raw["quantity"] > 0)]
    as_of = (rows["occurred_at"].max() + DAY).to_pydatetime()
    customers = rows.assign(units=rows["quantity"] * rows["price_units"]).groupby("customer")
    last = customers["occurred_at"].max()
    profiles = pd.DataFrame(
        {
            "recency_days": (as_of - last).dt.days.astype("int64"),
            "frequency": customers["invoice"].nunique(),
            "gross_units": customers["units"].sum(),
            "returned_units": 0,
            "first_purchase_at": customers["occurred_at"].min(),
            "last_purchase_at": last,
        }
    )
    return profiles.rename_axis("customer_id"), as_of
