"""The progress of a controlled replay through a section, on a simulated wall clock."""

from hypothesis import given
from hypothesis import strategies as st

from models.units import MICROS_PER_DAY, to_micros
from producers.pace import Speed
from producers.replay import Section, SectionProgress

DAY = MICROS_PER_DAY
ONE_DAY, MAX = Speed.parse("1d/s"), Speed.parse("max")
SECTION = Section(0, 10, 0, 10 * DAY)

requests = st.lists(
    st.tuples(
        st.floats(0.01, 3), st.sampled_from([ONE_DAY, Speed.parse("12h/s"), Speed.parse("5d/s"), MAX]), st.booleans()
    ),
    max_size=12,
)


def test_a_paused_replay_sends_nothing_and_shows_its_state() -> None:
    progress = SectionProgress(SECTION, ONE_DAY, 0.0)
    progress.upcoming = DAY
    assert progress.control(ONE_DAY, True, 0.5)
    assert not progress.due(1_000.0)
    state = progress.state(1_000.0, lag=3)
    assert (state.state, state.speed, state.lag, state.total) == ("paused", ONE_DAY, 3, 10)
    assert to_micros(state.event_time) == DAY // 2


def test_a_second_record_of_the_same_moment_is_not_sent_during_a_pause() -> None:
    progress = SectionProgress(SECTION, MAX, 0.0)
    progress.upcoming = DAY
    assert progress.due(0.0)
    progress.control(MAX, True, 0.0)
    assert not progress.due(5.0)


def test_a_request_that_changes_nothing_leaves_the_clock_alone() -> None:
    progress = SectionProgress(SECTION, ONE_DAY, 0.0)
    progress.upcoming = 10 * DAY
    assert not progress.control(ONE_DAY, False, 4.0)
    assert to_micros(progress.state(5.0, 0).event_time) == 5 * DAY


def test_a_speed_set_during_a_pause_applies_after_it() -> None:
    progress = SectionProgress(SECTION, ONE_DAY, 0.0)
    progress.upcoming = 10 * DAY
    progress.control(ONE_DAY, True, 1.0)
    progress.control(Speed.parse("2d/s"), True, 50.0)
    assert to_micros(progress.state(60.0, 0).event_time) == DAY
    progress.control(Speed.parse("2d/s"), False, 100.0)
    assert to_micros(progress.state(101.0, 0).event_time) == 3 * DAY


@given(requests)
def test_event_time_never_jumps_whatever_is_requested(made: list[tuple[float, Speed, bool]]) -> None:
    progress = SectionProgress(SECTION, ONE_DAY, 0.0)
    progress.upcoming = 8 * DAY
    now, was = 0.0, 0
    for wait, speed, paused in made:
        factor = 0.0 if progress.status == "paused" else progress.state(now, 0).speed.factor
        now += wait
        before = to_micros(progress.state(now, 0).event_time)
        assert was <= before <= min(was + wait * factor * 1e6 + 1, 8 * DAY)
        progress.control(speed, paused, now)
        was = to_micros(progress.state(now, 0).event_time)
        # At full speed, the next record is due at once.
        assert was == (8 * DAY if speed == MAX and not paused else before) or abs(was - before) <= 1
