"""A change of the mean is detected, noise is not, and the result depends on the series alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.drift.adwin import WARM_UP, Shift, StandardisedAdwin


def shifts(series: list[float]) -> list[tuple[int, Shift]]:
    detector = StandardisedAdwin()
    found = [(number, detector.update(value)) for number, value in enumerate(series)]
    return [(number, shift) for number, shift in found if shift is not None]


def noise(seed: int, length: int, mean: float = 100.0) -> list[float]:
    return np.random.default_rng(seed).normal(mean, 5.0, length).tolist()


def test_noise_raises_no_alarm() -> None:
    assert [shifts(noise(seed, 700)) for seed in range(20)] == [[]] * 20


def test_a_change_is_detected_within_30_values_with_its_size() -> None:
    for seed in range(10):
        ((number, shift), *_) = shifts(noise(seed, 200) + noise(seed + 99, 100, mean=110.0))
        assert 200 < number < 230
        assert 98 < shift.before < 102
        assert 107 < shift.after < 113


def test_detection_does_not_depend_on_the_unit() -> None:
    series = noise(3, 150) + noise(4, 60, mean=85.0)
    assert [number for number, _ in shifts(series)] == [number for number, _ in shifts([1e-6 * v + 7 for v in series])]


def test_there_is_no_alarm_during_the_warm_up() -> None:
    detector = StandardisedAdwin()
    for value in [0.0] * (WARM_UP // 2) + [1e6] * (WARM_UP // 2 - 1):
        assert detector.update(value) is None
        assert detector.mean is None
    detector.update(1e6)
    assert detector.mean is not None


def test_a_constant_series_has_no_change() -> None:
    assert shifts([42.0] * 300) == []


@settings(max_examples=20)
@given(st.lists(st.floats(-1e6, 1e6), min_size=60, max_size=160), st.floats(-1e3, 1e3))
def test_the_same_series_gives_the_same_shifts(series: list[float], jump: float) -> None:
    series = series + [value + jump for value in series]
    assert shifts(series) == shifts(list(series))
