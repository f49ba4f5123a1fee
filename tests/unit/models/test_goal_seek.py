"""Goal seek against brute force: every amount, cent by cent, is scored."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.goal_seek import MOST_UNITS, smallest_purchases
from models.scoring import assign, monetary_value
from models.segment_model import Segment, SegmentModel, build
from models.units import MONEY_UNITS
from tests.support.strategies import segment_models

CENT = 100
MOST_CENTS = 3_000
UNITS = st.integers(0, 2_000_000)


def scored(model: SegmentModel, frequency: int, gross: int, returned: int, amounts: np.ndarray) -> np.ndarray:
    """The segment after a purchase of each amount, of one after the other."""
    return np.array(
        [
            assign(
                model,
                np.array([0]),
                np.array([frequency + 1]),
                monetary_value(model, np.array([gross + amount]), np.array([returned])),
            )[0]
            for amount in amounts.tolist()
        ]
    )


@given(segment_models(), st.integers(0, 30), UNITS, UNITS, st.sampled_from([CENT, MONEY_UNITS, 1_000]))
def test_the_smallest_purchase_into_each_segment_is_that_of_brute_force(
    model: SegmentModel, frequency: int, gross: int, returned: int, step: int
) -> None:
    amounts = np.arange(1, MOST_CENTS + 1) * step
    monetary = monetary_value(model, gross + amounts, np.full(len(amounts), returned))
    zeros = np.zeros(len(amounts), dtype=np.int64)
    reached = assign(model, zeros, zeros + frequency + 1, monetary)
    first = {int(number): int(amounts[np.argmax(reached == number)]) for number in np.unique(reached)}
    found = smallest_purchases(model, frequency, gross, returned, step)
    assert {number: amount for number, amount in found.items() if amount <= amounts[-1]} == first


@given(segment_models(), st.integers(0, 30), UNITS, UNITS)
def test_one_cent_less_does_not_reach_the_segment(
    model: SegmentModel, frequency: int, gross: int, returned: int
) -> None:
    found = smallest_purchases(model, frequency, gross, returned, CENT)
    for number, amount in found.items():
        after = scored(model, frequency, gross, returned, np.array([amount, amount - CENT]))
        assert after[0] == number
        assert amount == CENT or after[1] != number
        assert CENT <= amount <= MOST_UNITS


def a_pair(first: float, second: float) -> SegmentModel:
    segments = tuple(
        Segment(f"s{number}", f"Segment {number}", "", "#000000", "", (0.0, 0.0, at))
        for number, at in enumerate((first, second))
    )
    return build("net", "identity", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), segments)


def test_a_purchase_first_pays_off_what_was_returned_and_not_bought() -> None:
    model = a_pair(0.0, 20.0)
    assert smallest_purchases(model, 1, gross=0, returned=500_000, step=CENT) == {0: CENT, 1: 600_100}


def test_centroids_that_almost_coincide_are_distinguished_to_the_cent() -> None:
    model = a_pair(100.0, 100.0 + 1e-9)
    found = smallest_purchases(model, 0, gross=0, returned=0, step=CENT)
    assert found[0] == CENT
    after = scored(model, 0, 0, 0, np.array([found[1] - CENT, found[1]]))
    assert after.tolist() == [0, 1]


def test_a_segment_that_no_purchase_reaches_is_left_out() -> None:
    assert smallest_purchases(a_pair(50.0, 10.0), 3, gross=900_000, returned=0, step=CENT) == {0: CENT}
