"""Money at stake: the yearly spend of a customer who stays, times the probability of no order within 90 days."""

import numpy as np
import pytest

from models.rhythm.alive import p_alive
from models.rhythm.buying import Buying
from models.rhythm.calibration import Calibration
from models.rhythm.histories import Histories, observed
from models.rhythm.rhythm_model import Calibrations, build_rhythm, expected_spend, p_order
from models.rhythm.seasonal_clock import CALENDAR
from models.rhythm.spending import Spending
from models.rhythm.stake import at_stake
from models.units import MICROS_PER_DAY

MODEL = build_rhythm(
    Buying(0.7, 50.0, 0.3, 3.0),
    CALENDAR,
    Spending(2.4, 3.8, 410.0),
    Calibrations(Calibration(0.1, 0.9), Calibration(-0.2, 1.1), 0.9),
    0.1,
)
#: Three customers with the same first order: one with a single order, one with few and one with 155 in a year.
LAST = np.array([0, 300, 372]) * MICROS_PER_DAY
CUSTOMERS = Histories(np.zeros(3, dtype=np.int64), LAST, np.array([1, 8, 155]))
SPENT = np.array([120.0, 2_400.0, 50_000.0])


@pytest.mark.parametrize("days", [380, 500, 745])
def test_it_is_the_expected_spend_of_those_who_stay_times_the_probability_of_no_order(days: int) -> None:
    now = days * MICROS_PER_DAY
    found = at_stake(MODEL, CUSTOMERS, SPENT, now)
    of_all = found.yearly_spend * p_alive(MODEL.buying, observed(CUSTOMERS, MODEL.clock, now))
    assert of_all == pytest.approx(expected_spend(MODEL, CUSTOMERS, SPENT, now))
    assert found.p_order.tolist() == p_order(MODEL, CUSTOMERS, now, 90).tolist()
    assert found.money == pytest.approx(found.yearly_spend * (1 - found.p_order))


def test_a_good_customer_who_is_surely_gone_is_worth_most_in_the_list_although_nothing_is_expected_of_them() -> None:
    now = 745 * MICROS_PER_DAY
    found = at_stake(MODEL, CUSTOMERS, SPENT, now)
    assert expected_spend(MODEL, CUSTOMERS, SPENT, now)[2] < 1
    assert found.money.argmax() == 2
    assert found.money[2] > 10_000


def test_silence_raises_it_for_a_regular_customer_at_first() -> None:
    regular = Histories(*(part[2:] for part in CUSTOMERS))
    soon, later = (at_stake(MODEL, regular, SPENT[2:], days * MICROS_PER_DAY).money[0] for days in (373, 393))
    assert later > 2 * soon


def test_a_debt_counts_as_nothing_spent() -> None:
    found = at_stake(MODEL, CUSTOMERS, -SPENT, 400 * MICROS_PER_DAY)
    assert found.money.tolist() == at_stake(MODEL, CUSTOMERS, 0 * SPENT, 400 * MICROS_PER_DAY).money.tolist()
