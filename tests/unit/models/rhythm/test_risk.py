"""Risk states: their moments come in order, depend on the last order alone, and mean what they say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.rhythm.buying import Buying
from models.rhythm.histories import Histories, Observed, at_last_order, observed
from models.rhythm.next_order import p_order_within
from models.rhythm.risk import (
    LOST_WITHIN_DAYS,
    MINUTE,
    NO_STATE,
    RISK_STATES,
    due_moments,
    following,
    milestones,
    risk_state,
)
from models.rhythm.seasonal_clock import CALENDAR, NEVER, SeasonalClock
from models.units import MICROS_PER_DAY
from tests.support.buyers import histories_until, population

BUYINGS = st.builds(Buying, st.floats(0.3, 3.0), st.floats(5.0, 200.0), st.floats(0.1, 4.0), st.floats(0.5, 12.0))
CLOCKS = st.lists(st.floats(0.3, 3.0), min_size=24, max_size=24).map(lambda rates: SeasonalClock(tuple(rates)))
BORDERS = st.floats(0.01, 0.6)


@st.composite
def histories(draw: st.DrawFn) -> Histories:
    count = draw(st.integers(1, 10))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    first = rng.integers(0, 500 * MICROS_PER_DAY, count)
    orders = rng.integers(1, 80, count)
    last = np.where(orders > 1, first + rng.integers(0, 700 * MICROS_PER_DAY, count), first)
    return Histories(first, last, orders)


@given(BUYINGS, CLOCKS, histories(), BORDERS)
def test_the_moments_come_in_order_and_not_before_the_last_order(
    buying: Buying, clock: SeasonalClock, customers: Histories, border: float
) -> None:
    found = milestones(buying, clock, customers, border)
    assert (customers.last_at <= found.due_at).all()
    assert (found.due_at <= found.overdue_at).all()
    assert (found.overdue_at <= found.lost_at).all()


@given(BUYINGS, CLOCKS, histories(), BORDERS, st.integers(0, 4_000 * MICROS_PER_DAY))
def test_a_lost_customer_is_below_the_border_and_a_due_one_above_it(
    buying: Buying, clock: SeasonalClock, customers: Histories, border: float, later: int
) -> None:
    found = milestones(buying, clock, customers, border)
    now = int(customers.last_at.max()) + later
    # Moments are rounded up to whole minutes, so a customer may be below the border for up to a minute.
    now_and_before = (observed(customers, clock, moment) for moment in (now, now - MINUTE))
    p, p_before = (p_order_within(buying, seen, LOST_WITHIN_DAYS) for seen in now_and_before)
    state = risk_state(found, now)
    lost = RISK_STATES.index("presumed_lost")
    assert (p[state == lost] <= border + 1e-9).all()
    due = state == RISK_STATES.index("due")
    assert (p_before[due] >= border - 1e-9).all()


@given(BUYINGS, CLOCKS, histories(), BORDERS)
def test_the_state_changes_at_the_very_microsecond_of_each_moment(
    buying: Buying, clock: SeasonalClock, customers: Histories, border: float
) -> None:
    found = milestones(buying, clock, customers, border)
    for moments in found:
        comes = moments < NEVER
        assert (risk_state(found, moments)[comes] > risk_state(found, moments - 1)[comes]).all()


@given(BUYINGS, CLOCKS, histories(), BORDERS)
def test_customers_do_not_depend_on_each_other(
    buying: Buying, clock: SeasonalClock, customers: Histories, border: float
) -> None:
    together = milestones(buying, clock, customers, border)
    for row in range(len(customers.orders)):
        alone = Histories(*(part[row : row + 1] for part in customers))
        for one, all_ in zip(milestones(buying, clock, alone, border), together, strict=True):
            assert one[0] == all_[row]


def test_of_those_who_order_again_half_do_before_they_are_due_and_nine_in_ten_before_they_are_overdue() -> None:
    truth = Buying(2.0, 20.0, 0.4, 6.0)
    people = population(truth, 6_000, 4_000, seed=8)
    now = 1_900 * MICROS_PER_DAY
    customer, seen = histories_until(people, now)
    # A customer with more orders after this moment has made the next one by the end with near certainty.
    regular = seen.orders >= 4
    found = milestones(truth, CALENDAR, Histories(*(part[regular] for part in seen)), 1e-6)
    later = people.moment > now
    came, row = np.unique(people.customer[later], return_index=True)
    at = dict(zip(came.tolist(), people.moment[later][row].tolist(), strict=True))
    order = np.array([at.get(number, -1) for number in customer[regular].tolist()])
    state = at_last_order(Histories(*(part[regular] for part in seen)), CALENDAR)
    # Only customers who were seen just after their last order: the others have been silent, which is why they are due.
    fresh = (order > 0) & (now - seen.last_at[regular] < MICROS_PER_DAY) & (state.x > 0)
    assert fresh.sum() > 60
    assert abs((order[fresh] < found.due_at[fresh]).mean() - 0.5) < 0.2
    # Four standard errors.
    assert abs((order[fresh] < found.overdue_at[fresh]).mean() - 0.9) < 0.1


def test_a_customer_with_a_dense_rhythm_is_overdue_within_days() -> None:
    """An order every 2.4 days for a year, then silence: two weeks are enough to notice, and two months to give up."""
    buying = Buying(0.69, 50.0, 0.24, 3.1)
    last = 365 * MICROS_PER_DAY
    found = milestones(buying, CALENDAR, Histories(np.array([0]), np.array([last]), np.array([155])), 0.1)
    days = [(moments[0] - last) / MICROS_PER_DAY for moments in found]
    assert days[0] < 3
    assert days[1] < 14
    assert days[2] < 60


def test_one_order_alone_is_no_rhythm_and_takes_long_to_be_lost() -> None:
    buying = Buying(0.69, 50.0, 0.24, 3.1)
    found = milestones(
        buying, CALENDAR, Histories(np.zeros(1, np.int64), np.zeros(1, np.int64), np.ones(1, np.int64)), 0.1
    )
    seen = Observed(np.zeros(1), np.zeros(1), np.array([found.lost_at[0] / MICROS_PER_DAY]))
    assert found.due_at[0] > 60 * MICROS_PER_DAY
    before = Observed(np.zeros(1), np.zeros(1), seen.age - MINUTE / MICROS_PER_DAY)
    assert p_order_within(buying, seen, 90.0)[0] <= 0.1 < p_order_within(buying, before, 90.0)[0]


@given(BUYINGS, CLOCKS, histories(), BORDERS)
def test_moments_are_whole_minutes(buying: Buying, clock: SeasonalClock, customers: Histories, border: float) -> None:
    for moments in milestones(buying, clock, customers, border):
        assert (moments[moments < NEVER] % MINUTE == 0).all()


@given(BUYINGS, CLOCKS, histories(), BORDERS)
def test_the_closed_form_gives_the_same_first_moment(
    buying: Buying, clock: SeasonalClock, customers: Histories, border: float
) -> None:
    assert (due_moments(buying, clock, customers) == milestones(buying, clock, customers, border).due_at).all()


@given(BUYINGS, CLOCKS, histories(), BORDERS, st.integers(0, 400 * MICROS_PER_DAY))
def test_what_follows_is_the_next_state_that_lasts(
    buying: Buying, clock: SeasonalClock, customers: Histories, border: float, later: int
) -> None:
    found, moment = milestones(buying, clock, customers, border), customers.last_at + later
    state, at = following(found, moment)
    comes = at < NEVER
    assert (at[comes] > moment[comes]).all()
    assert (risk_state(found, at - 1)[comes] == risk_state(found, moment)[comes]).all()
    assert (state[comes] == risk_state(found, at)[comes]).all()
    assert (state[comes] > risk_state(found, moment)[comes]).all()
    assert (state[~comes] == NO_STATE).all()
    assert (risk_state(found, np.full(len(at), NEVER - 1))[~comes] == risk_state(found, moment)[~comes]).all()
