"""The population stability index against its definition, its laws, and what chance does to it."""

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
def test_it_is_the_relative_entropy_both_ways(pair: tuple[list[int], list[int]]) -> None:
    reference, now = np.array(pair[0]), np.array(pair[1])
    p, q = reference / reference.sum(), now / now.sum()
    assert psi(reference, now) == pytest.approx(rel_entr(p, q).sum() + rel_entr(q, p).sum(), abs=1e-12)


def test_it_is_what_one_gets_by_hand() -> None:
    # Half and half, and then three quarters and one quarter: (0.25) ln(1.5) + (-0.25) ln(0.5).
    assert psi(np.array([50, 50]), np.array([75, 25])) == pytest.approx(0.25 * math.log(1.5) - 0.25 * math.log(0.5))


@given(SAMPLES, SAMPLES)
def test_it_is_never_negative_whatever_is_empty(reference: list[int], now: list[int]) -> None:
    edges = quantile_edges(np.array(reference))
    value = psi(counts(np.array(reference), edges), counts(np.array(now), edges))
    assert value >= 0
    assert math.isfinite(value)


@given(SAMPLES, st.integers(1, 5))
def test_it_is_zero_for_equal_shares(sample: list[int], times: int) -> None:
    edges = quantile_edges(np.array(sample))
    assert psi(counts(np.array(sample), edges), counts(np.array(sample), edges)) == 0
    full = np.array([3, 1, 4])
    assert psi(full, full * times) == pytest.approx(0, abs=1e-15)


@given(COUNTS)
def test_it_does_not_matter_which_one_is_the_reference(first: list[int]) -> None:
    one, other = np.array(first), np.array(first[::-1])
    assert psi(one, other) == pytest.approx(psi(other, one))


def test_an_empty_sample_shows_nothing() -> None:
    assert psi(np.array([0, 0]), np.array([1, 2])) == psi(np.array([1, 2]), np.array([0, 0])) == 0
    assert allowance(10, 0, 100) == math.inf


@given(SAMPLES)
def test_bins_hold_about_as_many_values_each_and_every_value_lies_in_one(sample: list[int]) -> None:
    values = np.array(sample)
    edges = quantile_edges(values)
    binned = counts(values, edges)
    assert binned.sum() == len(values)
    assert len(binned) <= 10
    assert (binned > 0).all()
    # Only a value that repeats itself can fill more than its part.
    largest = np.bincount(values).max()
    assert binned.max() <= max(math.ceil(len(values) / 10) + 1, 1) + largest


def test_a_value_that_fills_bins_has_one_of_its_own() -> None:
    values = np.array([1] * 60 + [2] * 20 + list(range(3, 23)))
    edges = quantile_edges(values)
    assert edges[0] == 2
    assert counts(values, edges)[0] == 60


@pytest.mark.slow
def test_fair_samples_exceed_the_allowance_once_in_a_thousand_times() -> None:
    rng = np.random.default_rng(5)
    exceeded = 0
    for _ in range(4_000):
        reference, now = rng.normal(size=700), rng.normal(size=1_100)
        edges = quantile_edges(reference)
        binned = counts(reference, edges), counts(now, edges)
        exceeded += psi(*binned) > allowance(len(binned[0]), 700, 1_100)
    assert exceeded <= 14  # four expected
