"""Named presets of fits: Segue's default, and the classic one of published work."""

from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd

from batch.choices import PresetName, Scaler
from batch.dataset_frames import USABLE, ask, moment
from batch.fit import FitError
from batch.pipeline import Inits
from data.datasets.dataset import Dataset
from models.segment_model import Monetary, Transform
from models.units import MICROS_PER_DAY, to_micros

DAY = timedelta(days=1)


class Preset(NamedTuple):
    """Arguments of :func:`batch.fit.fit`."""

    k: int
    monetary: Monetary
    transform: Transform
    scaler: Scaler
    seed: int
    n_init: Inits
    rank_order: bool = False
    recency_unit: float = 1.0
    window_days: int | None = None


PRESETS: dict[PresetName, Preset] = {
    # docs/models.md has the evidence for k, docs/segments.md that for the last two. The others are the usual ones, and
    # the seed could be any.
    "segue": Preset(
        k=5,
        monetary="net",
        transform="log1p",
        scaler="standard",
        seed=42,
        n_init=10,
        rank_order=True,
        recency_unit=90.0,
    ),
    "classic": Preset(k=5, monetary="gross", transform="identity", scaler="standard", seed=42, n_init="auto"),
}


def classic_profiles(dataset: Dataset) -> tuple[pd.DataFrame, datetime]:
    """Profiles as published work on Online Retail II defines them, and their as-of time.

    Every row with a customer and a positive quantity counts, including rows that a second export repeats. The as-of
    time is one day after the last of these rows.

    Returns
    -------
    DataFrame
        As :func:`batch.profiles.profiles_as_of` returns it, with ``returned_units`` 0.

    Raises
    ------
    FitError
        If there is no such row.
    """
    counted = f"FROM rows WHERE customer_id IS NOT NULL AND quantity > 0 AND {USABLE}"
    last = ask(dataset, f"SELECT {moment('max(occurred_at)')} AS last {counted}")["last"].iloc[0]
    if pd.isna(last):
        raise FitError(f"{dataset.name}: no row of a known customer has a quantity above 0")
    as_of = last.to_pydatetime() + DAY
    # Grouping by invoice first takes less memory than counting the different invoices of each customer.
    sql = f"""
        SELECT customer_id, ($as_of - max(last)) // {MICROS_PER_DAY} AS recency_days, count(*) AS frequency,
               sum(units)::BIGINT AS gross_units, 0::BIGINT AS returned_units,
               {moment("min(first)")} AS first_purchase_at, {moment("max(last)")} AS last_purchase_at
        FROM (
            SELECT customer_id, transaction_id, min(occurred_at) AS first, max(occurred_at) AS last,
                   sum(quantity::HUGEINT * price_units) AS units
            {counted} GROUP BY customer_id, transaction_id
        )
        GROUP BY customer_id ORDER BY customer_id
    """
    return ask(dataset, sql, {"as_of": to_micros(as_of)}).set_index("customer_id"), as_of
