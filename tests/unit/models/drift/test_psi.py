"""The population stability index against its definition, its properties, and its distribution under no shift."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr

from models.drift.psi import allowance, counts, psi, quantile_edges

SAMPLES = st.lists(st.integers(0, 40), min_size=1, max_size=200)
COUNTS = st.lists(st.integers(1, 1_000), min_size=2, max_size=12)


@given(
    st.integers(2, 12).flatmap(
        lambda bins: st.tuples(*[st.lists(st.integers(1, 999), min_size=bins, max_size=bins)] * 2)
    )
)
def test_the_index_is_the_sum_of_both_relative_entropies(pair: tuple[list[int], list[int]]) -> None:
    reference, now = np.array(pair[0]), np.array(pair[1])
    p, q = reference / reference.sum(), now / now.sum()
    assert psi(reference, now) == pytest.approx(rel_entr(p, q).sum() + rel_entr(q, p).sum(), abs=1e-12)


def test_the_index_equals_a_calculation_by_hand() -> None:
    # From shares of 0.5 and 0.5 to 0.75 and 0.25: (0.25) ln(1.5) + (-0.25) ln(0.5).
    assert psi(np.array([50, 50]), np.array([75, 25])) == pytest.approx(0.25 * math.log(1.5) - 0.25 * math.log(0.5))


@given(SAMPLES, SAMPLES)
def test_the_index_is_finite_and_never_negative_even_with_empty_bins(reference: list[int], now: list[int]) -> None:
    edges = quantile_edges(np.array(reference))
    value = psi(counts(np.array(reference), edges), counts(np.array(now), edges))
    assert value >= 0
    assert math.isfinite(value)


@given(SAMPLES, st.integers(1, 5))
def test_the_index_is_zero_for_equal_shares(sample: list[int], times: int) -> None:
    edges = quantile_edges(np.array(sample))
    assert psi(counts(np.array(sample), edges), counts(np.array(sample), edges)) == 0
    full = np.array([3, 1, 4])
    assert psi(full, full * times) == pytest.approx(0, abs=1e-15)


@given(COUNTS)
def test_the_index_is_symmetric(first: list[int]) -> None:
    one, other = np.array(first), np.array(first[::-1])
    assert psi(one, other) == pytest.approx(psi(other, one))


def test_an_empty_sample_has_index_zero_and_an_infinite_allowance() -> None:
    assert psi(np.array([0, 0]), np.array([1, 2])) == psi(np.array([1, 2]), np.array([0, 0])) == 0
    assert allowance(10, 0, 100) == math.inf


@given(SAMPLES)
def test_bins_have_about_equal_counts_and_cover_every_value(sample: list[int]) -> None:
    values = np.array(sample)
    edges = quantile_edges(values)
    binned = counts(values, edges)
    assert binned.sum() == len(values)
    assert len(binned) <= 10
    assert (binned > 0).all()
    # Only a repeated value can make a bin larger than its share.
    largest = np.bincount(values).max()
    assert binned.max() <= max(math.ceil(len(values) / 10) + 1, 1) + largest


def test_a_very_frequent_value_has_its_own_bin() -> None:
    values = np.array([1] * 60 + [2] * 20 + list(range(3, 23)))
    edges = quantile_edges(values)
    assert edges[0] == 2
    assert counts(values, edges)[0] == 60


def test_samples_of_one_distribution_exceed_the_allowance_once_in_a_thousand_times() -> None:
    rng = np.random.default_rng(5)
    exceeded = 0
    for _ in range(4_000):
        reference, now = rng.normal(size=700), rng.normal(size=1_100)
        edges = quantile_edges(reference)
        binned = counts(reference, edges), counts(now, edges)
        exceeded += psi(*binned) > allowance(len(binned[0]), 700, 1_100)
    assert exceeded <= 14  # four expected
