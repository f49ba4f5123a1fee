"""A change of the mean is noticed, noise is not, and a series of values says all there is to say."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.drift.mean_change import WARM_UP, ChangeDetector, Shift
from tests.support.examples import examples


def shifts(series: list[float]) -> list[tuple[int, Shift]]:
    detector = ChangeDetector()
    found = [(number, detector.update(value)) for number, value in enumerate(series)]
    return [(number, shift) for number, shift in found if shift is not None]


def noise(seed: int, length: int, mean: float = 100.0) -> list[float]:
    return [float(value) for value in np.random.default_rng(seed).normal(mean, 5.0, length)]


def test_noise_is_no_change() -> None:
    assert [shifts(noise(seed, 700)) for seed in range(20)] == [[]] * 20


def test_a_change_is_noticed_within_weeks_and_told_by_how_much() -> None:
    for seed in range(10):
        ((number, shift), *_) = shifts(noise(seed, 200) + noise(seed + 99, 100, mean=110.0))
        assert 200 < number < 230
        assert 98 < shift.before < 102
        assert 107 < shift.after < 113


def test_it_is_noticed_in_any_unit() -> None:
    series = noise(3, 150) + noise(4, 60, mean=85.0)
    assert [number for number, _ in shifts(series)] == [number for number, _ in shifts([1e-6 * v + 7 for v in series])]


def test_nothing_is_raised_while_it_learns_what_is_usual() -> None:
    detector = ChangeDetector()
    for value in [0.0] * (WARM_UP // 2) + [1e6] * (WARM_UP // 2 - 1):
        assert detector.update(value) is None
        assert detector.usual is None
    detector.update(1e6)
    assert detector.usual is not None


def test_a_series_that_never_moves_has_no_scatter_and_is_no_change() -> None:
    assert shifts([42.0] * 300) == []


@settings(max_examples=examples(20))
@given(st.lists(st.floats(-1e6, 1e6), min_size=60, max_size=160), st.floats(-1e3, 1e3))
def test_the_same_series_gives_the_same_shifts(series: list[float], jump: float) -> None:
    series = series + [value + jump for value in series]
    assert shifts(series) == shifts(list(series))
