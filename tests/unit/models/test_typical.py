"""What is typical of a segment holds for as many of its customers as it says, and shows who does not fit."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.drift.reference import Population
from models.personas import name_segments
from models.segment_model import SegmentModel, build
from models.typical import METADATA_KEY, Typical, TypicalRange, typical_of, typical_ranges

VALUES = st.lists(st.integers(0, 10_000), min_size=1, max_size=400).map(np.array)
RANGE = TypicalRange(0, 1, 25, 63)
TYPICAL = Typical(RANGE, TypicalRange(8, 12, 60, 155), TypicalRange(900, 2_500, 28_000, 99_000))


def model_with(metadata: object) -> SegmentModel:
    segments = name_segments(np.array([[-1.0, 1.0, 1.0], [1.0, -1.0, -1.0]]))
    return build("net", "log1p", (4, 1, 6), (1, 1, 1), segments, {METADATA_KEY: metadata})


@given(VALUES)
def test_at_least_eight_in_ten_are_typical_and_at_least_98_in_100_fit(values: np.ndarray) -> None:
    known = TypicalRange.of(values)
    assert np.isin(known, values).all()
    assert np.mean((known.low <= values) & (values <= known.high)) >= 0.8
    assert np.mean([known.fits(value) for value in values.tolist()]) >= 0.98
    # No range of the same kind is narrower: one more customer would be outside.
    assert np.mean(values < known.low) <= 0.1
    assert np.mean(values > known.high) <= 0.1


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 900), st.integers(1, 50)), min_size=1, max_size=60))
def test_the_ranges_of_a_segment_are_those_of_its_own_customers(rows: list[tuple[int, int, int]]) -> None:
    numbers, recency, frequency = (np.array(column) for column in zip(*rows, strict=True))
    found = typical_ranges(["a", "b", "c"], numbers, Population(recency, frequency, frequency * 2.5))
    assert set(found) == {"abc"[number] for number in numbers}
    for number, segment in enumerate("abc"):
        if segment in found:
            own = numbers == number
            expected = [TypicalRange.of(values[own]) for values in (recency, frequency, frequency * 2.5)]
            assert [found[segment].recency, found[segment].frequency, found[segment].monetary] == expected


@pytest.mark.parametrize(
    ("who", "features"),
    [
        ((30, 20, 5_000.0), []),
        ((63, 8, 99_000.0), []),
        ((372, 20, 5_000.0), ["recency"]),
        ((372, 156, 899.99), ["recency", "frequency", "monetary"]),
        ((30, 7, 5_000.0), ["frequency"]),
    ],
)
def test_a_customer_further_out_than_99_in_100_does_not_fit(who: tuple[int, int, float], features: list[str]) -> None:
    assert TYPICAL.misfits(*who) == features


def test_a_stored_model_says_what_is_typical_of_its_segments() -> None:
    model = model_with({"champions": msgspec.to_builtins(TYPICAL)})
    assert typical_of(model, "champions") == TYPICAL
    assert typical_of(model, "lost") is None


@pytest.mark.parametrize("metadata", [None, [], "x", {"champions": {"recency": [1, 2]}}, {"champions": 3}])
def test_metadata_that_can_not_be_read_says_nothing(metadata: object) -> None:
    assert typical_of(model_with(metadata), "champions") is None
