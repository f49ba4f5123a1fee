"""A replay's way through a section under an operator's hand, on a wall clock that the test turns."""

from hypothesis import given
from hypothesis import strategies as st

from models.units import MICROS_PER_DAY, to_micros
from producers.pace import Speed
from producers.replay import Course, Section

DAY = MICROS_PER_DAY
ONE_DAY, MAX = Speed.parse("1d/s"), Speed.parse("max")
SECTION = Section(0, 10, 0, 10 * DAY)

orders = st.lists(
    st.tuples(
        st.floats(0.01, 3), st.sampled_from([ONE_DAY, Speed.parse("12h/s"), Speed.parse("5d/s"), MAX]), st.booleans()
    ),
    max_size=12,
)


def test_a_paused_replay_sends_nothing_and_says_so() -> None:
    course = Course(SECTION, ONE_DAY, 0.0)
    course.upcoming = DAY
    assert course.steer(ONE_DAY, True, 0.5)
    assert not course.due(1_000.0)
    state = course.state(1_000.0, lag=3)
    assert (state.state, state.speed, state.lag, state.total) == ("paused", ONE_DAY, 3, 10)
    assert to_micros(state.event_time) == DAY // 2


def test_two_things_at_the_same_moment_do_not_slip_through_a_pause() -> None:
    course = Course(SECTION, MAX, 0.0)
    course.upcoming = DAY
    assert course.due(0.0)
    course.steer(MAX, True, 0.0)
    assert not course.due(5.0)


def test_an_order_that_changes_nothing_leaves_the_pace_alone() -> None:
    course = Course(SECTION, ONE_DAY, 0.0)
    course.upcoming = 10 * DAY
    assert not course.steer(ONE_DAY, False, 4.0)
    assert to_micros(course.state(5.0, 0).event_time) == 5 * DAY


def test_a_speed_set_during_a_pause_counts_once_it_is_over() -> None:
    course = Course(SECTION, ONE_DAY, 0.0)
    course.upcoming = 10 * DAY
    course.steer(ONE_DAY, True, 1.0)
    course.steer(Speed.parse("2d/s"), True, 50.0)
    assert to_micros(course.state(60.0, 0).event_time) == DAY
    course.steer(Speed.parse("2d/s"), False, 100.0)
    assert to_micros(course.state(101.0, 0).event_time) == 3 * DAY


@given(orders)
def test_event_time_never_jumps_whatever_is_ordered(given_orders: list[tuple[float, Speed, bool]]) -> None:
    course = Course(SECTION, ONE_DAY, 0.0)
    course.upcoming = 8 * DAY
    now, was = 0.0, 0
    for wait, speed, paused in given_orders:
        factor = 0.0 if course.doing == "paused" else course.state(now, 0).speed.factor
        now += wait
        before = to_micros(course.state(now, 0).event_time)
        assert was <= before <= min(was + wait * factor * 1e6 + 1, 8 * DAY)
        course.steer(speed, paused, now)
        was = to_micros(course.state(now, 0).event_time)
        # At full speed, what comes next is due at once.
        assert was == (8 * DAY if speed == MAX and not paused else before) or abs(was - before) <= 1
