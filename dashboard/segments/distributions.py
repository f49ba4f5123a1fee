"""Means, medians and logarithmic histograms from counts. Pure."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.units import Floats, Ints

# Eight bins to a decade of 1 + value: more would leave empty bins between 1, 2, 3 and 4.
PER_DECADE = 8


@dataclass(frozen=True)
class Distributions:
    """Per segment a row of means and medians, and per measure the counts in bins."""

    summary: pd.DataFrame
    bins: dict[str, pd.DataFrame]

    @property
    def customers(self) -> int:
        """The number of customers in all segments."""
        return int(self.summary["customers"].sum())

    def of(self, segments: list[str]) -> "Distributions":
        """The distributions of some of the segments."""
        bins = {name: counts[counts["segment"].isin(segments)] for name, counts in self.bins.items()}
        return Distributions(self.summary[self.summary.index.isin(segments)], bins)


def summary(counts: pd.DataFrame) -> pd.DataFrame:
    """Customers, mean and median per segment (the index) from counts: segment, value, customers."""
    return pd.DataFrame(
        [(segment, *_middle(part)) for segment, part in counts.groupby("segment")],
        columns=["segment", "customers", "mean", "median"],
    ).set_index("segment")


def binned(counts: pd.DataFrame) -> pd.DataFrame:
    """Customers per segment and bin from counts: segment, bin, customers."""
    numbered = counts.assign(bin=bin_of(counts["value"].to_numpy(dtype=np.float64)))
    return numbered.groupby(["segment", "bin"])["customers"].sum().reset_index()


def bin_of(values: Floats) -> Ints:
    """The bin of each value that is not below 0: the whole part of ``log10(1 + value)`` times bins per decade."""
    return np.asarray(np.floor(np.log1p(values) / np.log(10) * PER_DECADE), dtype=np.int64)


def _middle(part: pd.DataFrame) -> tuple[int, float, float]:
    ordered = part.sort_values("value")
    values, customers = ordered["value"].to_numpy(dtype=np.float64), ordered["customers"].to_numpy()
    up_to, number = customers.cumsum(), int(customers.sum())
    # With an even number of customers the median is the mean of the two in the middle.
    two = values[np.searchsorted(up_to, [(number - 1) // 2, number // 2], side="right")]
    return number, float(np.average(values, weights=customers)), float(two.mean())
