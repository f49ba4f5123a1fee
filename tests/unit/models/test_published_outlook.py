"""What was ahead of a customer in a published segment: day by day, the model gives the same answer."""

import numpy as np
import pytest

from models.decay import HORIZON_DAYS, NEVER
from models.published_outlook import PublishedOutlook, published_outlook
from models.scoring import assign
from models.segment_model import NO_SEGMENT
from models.units import MICROS_PER_DAY, MONEY_UNITS
from tests.support.generated_tables import a_model

MODEL = a_model()
HALF_A_DAY = MICROS_PER_DAY // 2


def ahead(segment: int, days: int, frequency: int, spent: int) -> PublishedOutlook:
    """Of one customer who bought at midnight, at noon this many days later."""
    at = days * MICROS_PER_DAY + HALF_A_DAY
    numbers = (np.array([each]) for each in (frequency, spent * MONEY_UNITS, 0))
    return published_outlook(MODEL, np.array([segment]), np.array([0]), at, *numbers)


def decided(days: int, frequency: int, spent: int) -> int:
    return int(assign(MODEL, np.array([days]), np.array([frequency]), np.array([float(spent)]))[0])


@pytest.mark.parametrize(("days", "frequency", "spent"), [(0, 1, 20), (3, 30, 9_000), (40, 4, 700), (2, 2, 100)])
def test_the_next_change_is_the_first_day_on_which_the_model_decides_another_segment(
    days: int, frequency: int, spent: int
) -> None:
    segment = decided(days, frequency, spent)
    found = ahead(segment, days, frequency, spent)
    later = np.arange(days + 1, HORIZON_DAYS + 1)
    numbers = assign(MODEL, later, np.full(len(later), frequency), np.full(len(later), float(spent)))
    moved = np.flatnonzero(numbers != segment)
    assert found.fits.tolist() == [True]
    if len(moved):
        assert found.next_change_at.tolist() == [later[moved[0]] * MICROS_PER_DAY]
        assert found.next_segment.tolist() == [numbers[moved[0]]]
    else:
        assert found.next_change_at.tolist() == [NEVER]
        assert found.next_segment.tolist() == [NO_SEGMENT]


def test_a_segment_that_the_model_does_not_decide_has_nothing_ahead() -> None:
    segment = (decided(3, 30, 9_000) + 1) % len(MODEL.segments)
    found = ahead(segment, 3, 30, 9_000)
    assert not found.fits[0]
    assert (found.next_change_at.tolist(), found.next_segment.tolist()) == ([NEVER], [NO_SEGMENT])
