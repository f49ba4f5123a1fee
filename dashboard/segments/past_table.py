"""What the segments page shows of a past moment, from the rows of :class:`dashboard.shared.past.Past`. Pure."""

import numpy as np
import pandas as pd

from dashboard.segments.distributions import Distributions, bin_of, binned, summary
from dashboard.segments.queries import CustomerSearch, Sort
from dashboard.shared.past import Past
from models.units import Ints


def distributions(rows: pd.DataFrame) -> Distributions:
    """Sizes, means, medians and bins per segment, as the queries of the present give them."""
    known = rows.assign(segment=rows["segment"].astype("object"))
    money = known.groupby("segment")["monetary"]
    numbers = pd.DataFrame(
        {
            "customers": money.size(),
            "total": money.sum(),
            "monetary_mean": money.mean(),
            "monetary_median": money.median(),
        }
    )
    bins = {}
    for name in ("recency", "frequency"):
        counts = known.groupby(["segment", name]).size().rename("customers").reset_index()
        counts = counts.rename(columns={name: "value"})
        numbers = numbers.join(summary(counts)[["mean", "median"]].add_prefix(f"{name}_"))
        bins[name] = binned(counts)
    spend = pd.DataFrame({"segment": known["segment"], "bin": bin_of(np.maximum(known["monetary"].to_numpy(), 0.0))})
    bins["monetary"] = spend.groupby(["segment", "bin"]).size().rename("customers").reset_index()
    return Distributions(numbers, bins)


def sample(rows: pd.DataFrame, segments: list[str], size: int) -> pd.DataFrame:
    """At most ``size`` customers of some segments, always the same ones: those with the lowest hash of their id."""
    return rows[rows["segment"].isin(segments)].nsmallest(size, "draw")


def found(past: Past, segments: list[str], search: CustomerSearch, sort: Sort) -> Ints:
    """The rows of the customers of some segments that a search finds, in an order; equal ones are sorted by id."""
    rows = past.rows
    inside = rows["segment"].isin(segments)
    if search.prefix:
        inside &= rows["customer_id"].str.startswith(search.prefix)
    if search.country:
        inside &= rows["country"] == search.country
    everybody = _order(past, sort)
    return everybody[inside.to_numpy()[everybody]]


def _order(past: Past, sort: Sort) -> Ints:
    """All rows in an order. They are in the order of ids, which a stable sort keeps among equals."""
    if sort not in past.derived:
        key = past.rows[sort.key]
        key = key.astype("object") if sort.key == "country" else key
        ordered = key.sort_values(ascending=not sort.descending, kind="stable")
        past.derived[sort] = ordered.index.to_numpy(dtype=np.int64)
    order: Ints = past.derived[sort]
    return order
