"""Profiles from transactions: R, F and M of every customer at a given time, computed with pandas."""

from datetime import datetime, timedelta

import pandas as pd

from models.drift.reference import Population
from models.scoring import net_or_gross
from models.segment_model import FEATURES, Monetary
from models.units import MONEY_UNITS

#: The columns that a window restricts.
TOTALS = ["frequency", "gross_units", "returned_units"]


def profiles_as_of(transactions: pd.DataFrame, as_of: datetime, window_days: int | None = None) -> pd.DataFrame:
    """Profiles of all customers as of a given time.

    Parameters
    ----------
    transactions
        One row per invoice: ``transaction_id, customer_id, occurred_at, kind, amount_units``.
    as_of
        A time with a time zone; later transactions do not count.
    window_days
        Frequency and money count only what happened less than this many days before ``as_of``; None counts everything.

    Returns
    -------
    DataFrame
        By ``customer_id``: ``recency_days`` (whole days since the last sale), ``frequency`` (distinct sales),
        ``gross_units`` and ``returned_units`` (ten-thousandths), ``first_purchase_at``, ``last_purchase_at``.
        Customers without a sale are left out; those without one in the window have a frequency of 0.
    """
    if as_of.tzinfo is None:
        raise ValueError(f"as_of needs a time zone: {as_of}")
    known = transactions[transactions["occurred_at"] <= as_of]
    profiles = histories(known)
    profiles = profiles[profiles["frequency"] > 0].drop(columns="last_event_at")
    if window_days is not None:
        counted = histories(known[known["occurred_at"] > as_of - timedelta(days=window_days)])
        profiles[TOTALS] = counted[TOTALS].reindex(profiles.index, fill_value=0)
    profiles.insert(0, "recency_days", (as_of - profiles["last_purchase_at"]).dt.days.astype("int64"))
    return profiles


def histories(transactions: pd.DataFrame) -> pd.DataFrame:
    """Totals and dates of each customer over all given transactions.

    Returns
    -------
    DataFrame
        By ``customer_id``: ``last_event_at``, then ``frequency, gross_units, returned_units, first_purchase_at,
        last_purchase_at`` as for :func:`profiles_as_of`. Customers who never bought have frequency 0 and no purchase
        dates.
    """
    sales = transactions[transactions["kind"] == "sale"].groupby("customer_id")
    returns = transactions[transactions["kind"] == "return"].groupby("customer_id")
    profiles = transactions.groupby("customer_id")["occurred_at"].max().to_frame("last_event_at")
    # reindex with a fill value, because a missing value would convert integers to floats.
    profiles["frequency"] = sales["transaction_id"].nunique().reindex(profiles.index, fill_value=0)
    profiles["gross_units"] = sales["amount_units"].sum().reindex(profiles.index, fill_value=0)
    profiles["returned_units"] = returns["amount_units"].sum().reindex(profiles.index, fill_value=0)
    profiles["first_purchase_at"] = sales["occurred_at"].min()
    profiles["last_purchase_at"] = sales["occurred_at"].max()
    return profiles


def features(profiles: pd.DataFrame, monetary: Monetary) -> pd.DataFrame:
    """Recency, frequency and monetary value before the transform.

    Returns
    -------
    DataFrame
        By ``customer_id``: ``recency`` in days, ``frequency`` in sales, ``monetary`` in currency units, all float64.
    """
    gross, returned = (profiles[name].to_numpy() for name in ("gross_units", "returned_units"))
    units = pd.Series(net_or_gross(monetary, gross, returned), profiles.index)
    columns = (profiles["recency_days"], profiles["frequency"], units / MONEY_UNITS)
    return pd.DataFrame(dict(zip(FEATURES, columns, strict=True)), dtype="float64")


def population(table: pd.DataFrame) -> Population:
    """A table of :func:`features` as a population, for :mod:`models.drift`."""
    recency, frequency = (table[name].to_numpy().astype("int64") for name in FEATURES[:2])
    return Population(recency, frequency, table["monetary"].to_numpy())
