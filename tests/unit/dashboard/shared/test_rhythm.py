"""A customer against the own rhythm: the state, its moment, what follows, and the words for it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dashboard.shared import rhythm_text
from dashboard.shared.rhythm import OwnRhythm, own_rhythm
from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import RhythmModel, risk_moments
from models.rhythm.rhythms import rhythms
from models.rhythm.risk import RISK_STATES
from models.units import MICROS_PER_DAY, from_micros, to_micros
from tests.support.rhythm import a_rhythm

FIRST = datetime(2010, 1, 4, tzinfo=UTC)


def customers(*orders_and_days: tuple[int, float]) -> Histories:
    """Customers with this many orders within this many days, the first of all at FIRST."""
    first = np.full(len(orders_and_days), to_micros(FIRST))
    days = np.array([days for _, days in orders_and_days])
    orders = np.array([orders for orders, _ in orders_and_days])
    return Histories(first, first + (days * MICROS_PER_DAY).astype(np.int64), orders)


def seen(model: RhythmModel, histories: Histories, now: datetime, row: int = 0) -> OwnRhythm:
    spent = np.full(len(histories.orders), 1_000.0)
    return own_rhythm(histories, rhythms(model, histories, spent, to_micros(now)), row, to_micros(now))


@pytest.mark.parametrize("number", range(4))
def test_a_state_begins_at_its_exact_moment_and_names_the_next_one(number: int) -> None:
    model, who = a_rhythm(), customers((40, 350.0))
    begins = [int(who.last_at[0]), *(int(moment[0]) for moment in risk_moments(model, who))]
    own = seen(model, who, from_micros(begins[number]))
    assert own.state == RISK_STATES[number]
    assert own.since == from_micros(begins[number])
    if number:
        assert seen(model, who, from_micros(begins[number] - 1)).state == RISK_STATES[number - 1]
    following = None if number == 3 else (RISK_STATES[number + 1], from_micros(begins[number + 1]))
    assert own.following == following


def test_a_customer_who_is_lost_at_once_is_never_said_to_become_overdue() -> None:
    who = customers((2, 300.0))
    for lost_below, before in ((0.1, "due"), (0.2, "on_rhythm")):
        model = a_rhythm(lost_below)
        due, overdue, lost = (int(moment[0]) for moment in risk_moments(model, who))
        assert (due < overdue, overdue) == (before == "due", lost)
        own = seen(model, who, from_micros(due if before == "due" else due - 1))
        assert (own.state, own.following) == (before, ("presumed_lost", from_micros(lost)))


def test_moments_outside_of_the_seasonal_clock_are_taken_as_its_first_and_last() -> None:
    old = Histories(np.array([-(10**16)]), np.array([-(10**16)]), np.array([3]))
    assert seen(a_rhythm(), old, FIRST).state == "presumed_lost"


def test_an_order_after_event_time_makes_a_customer_on_rhythm_and_not_silent_for_less_than_nothing() -> None:
    own = seen(a_rhythm(), customers((5, 100.0)), FIRST + timedelta(days=99))
    assert (own.state, own.silent_days) == ("on_rhythm", 0)


def test_the_words_name_the_usual_gap_the_silence_the_state_and_its_moment() -> None:
    lost = seen(a_rhythm(), customers((155, 372.0)), FIRST + timedelta(days=744))
    said = rhythm_text.sentence(lost, FIRST + timedelta(days=744))
    since = f"{lost.since.day} {lost.since:%b %Y}"
    assert said == f"Buys every 2.4 days, silent for 372 days: presumed lost since {since}"


def test_a_state_that_begins_beyond_two_years_has_no_date() -> None:
    once = seen(a_rhythm(), customers((1, 0.0)), FIRST + timedelta(days=1))
    assert once.following is not None
    far = OwnRhythm(**{**vars(once), "following": ("due", FIRST + timedelta(days=900))})
    assert rhythm_text.when(far, FIRST) == "no other state within two years"
    near = OwnRhythm(**{**vars(once), "following": ("due", datetime(2010, 3, 9, tzinfo=UTC))})
    assert rhythm_text.sentence(near, FIRST) == "Bought once, 1 day ago: on rhythm, due from 9 Mar 2010"
