"""Distributions from counts against pandas on the values themselves."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.segments.distributions import PER_DECADE, bin_of, binned, summary

_people = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), min_size=1, max_size=60).map(
    lambda rows: pd.DataFrame(rows, columns=["segment", "value"])
)


def _counts(people: pd.DataFrame) -> pd.DataFrame:
    return people.groupby(["segment", "value"]).size().rename("customers").reset_index()


@given(_people)
def test_means_and_medians_are_those_of_the_values(people: pd.DataFrame) -> None:
    found = summary(_counts(people))
    by_segment = people.groupby("segment")["value"]
    assert found["customers"].to_dict() == by_segment.size().to_dict()
    assert found["mean"].to_dict() == pytest.approx(by_segment.mean().to_dict())
    assert found["median"].to_dict() == by_segment.median().to_dict()


@given(_people)
def test_bins_count_every_customer(people: pd.DataFrame) -> None:
    bins = binned(_counts(people))
    assert bins.groupby("segment")["customers"].sum().to_dict() == people.groupby("segment").size().to_dict()


def test_a_bin_is_an_eighth_of_a_decade() -> None:
    values = [0, 9, 99, 999_999]
    assert bin_of(pd.Series(values, dtype=float).to_numpy() + 1e-6).tolist() == [0, 1 * PER_DECADE, 2 * PER_DECADE, 48]


def test_no_customers_have_no_distribution() -> None:
    none = pd.DataFrame({"segment": [], "value": [], "customers": []})
    assert summary(none).empty
    assert binned(none).empty
