"""The seasonal clock: exact both ways, and equal to adding up days one by one."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rhythm.seasonal_clock import CALENDAR, HORIZON_DAYS, KNOTS, NEVER, SeasonalClock, half_month_cells, overlaps
from models.units import MICROS_PER_DAY, to_micros

RATES = st.lists(st.floats(0.1, 5.0), min_size=24, max_size=24).map(lambda rates: SeasonalClock(tuple(rates)))
MOMENTS = st.integers(to_micros(datetime(1950, 1, 1, tzinfo=UTC)), to_micros(datetime(2150, 1, 1, tzinfo=UTC)))


def counted(clock: SeasonalClock, begin: datetime, days: int) -> float:
    """The clock's days from a midnight on, added up day by day from the calendar."""
    total = 0.0
    for number in range(days):
        day = begin + timedelta(days=number)
        total += clock.rates[(day.month - 1) * 2 + (day.day >= 16)]
    return total


@given(RATES, st.integers(0, 40_000), st.integers(0, 900))
def test_the_clock_equals_adding_up_days(clock: SeasonalClock, start: int, days: int) -> None:
    begin = datetime(1950, 1, 1, tzinfo=UTC) + timedelta(days=start)
    moments = np.array([to_micros(begin), to_micros(begin + timedelta(days=days))])
    found = clock.between(moments[:1], moments[1:])[0]
    assert found == pytest.approx(counted(clock, begin, days), abs=1e-7)


@given(RATES, MOMENTS, st.floats(0.0, 20_000.0))
def test_a_duration_leads_to_the_first_moment_that_is_so_late(clock: SeasonalClock, begin: int, days: float) -> None:
    start = np.array([begin])
    moment = clock.after(start, np.array([days]))
    if moment[0] == NEVER:
        assert clock.at(start)[0] + days > clock.at(np.array([to_micros(datetime(2299, 12, 31, tzinfo=UTC))]))[0]
    else:
        # Numbers of days around 100,000 are exact to 2e-11 days, which are 2 microseconds.
        assert clock.between(start, moment)[0] == pytest.approx(days, abs=1e-9)
        assert moment[0] >= begin


@given(RATES, MOMENTS, st.integers(0, 10**14))
def test_time_never_goes_back_on_the_clock(clock: SeasonalClock, begin: int, later: int) -> None:
    assert clock.at(np.array([begin + later]))[0] >= clock.at(np.array([begin]))[0]


@given(RATES)
def test_time_does_not_go_back_at_the_begin_of_any_half_month(clock: SeasonalClock) -> None:
    begins = KNOTS[1:-1]
    assert (clock.at(begins) >= clock.at(begins - 1)).all()


def test_every_half_month_lasts_from_its_first_microsecond_to_its_last() -> None:
    cells = list(range(len(KNOTS) - 1))
    assert half_month_cells(KNOTS[:-1]).tolist() == cells
    assert half_month_cells(KNOTS[1:] - 1).tolist() == cells


@given(RATES, MOMENTS, st.integers(0, 10**14))
def test_the_overlaps_are_the_derivative_of_the_clock(clock: SeasonalClock, begin: int, later: int) -> None:
    start, end = np.array([begin]), np.array([begin + later])
    assert overlaps(start, end)[0] @ np.array(clock.rates) == pytest.approx(clock.between(start, end)[0], abs=1e-6)


def test_on_the_calendar_a_day_is_a_day() -> None:
    begin = np.array([to_micros(datetime(2011, 12, 9, 12, 50, tzinfo=UTC))])
    assert CALENDAR.after(begin, np.array([2.5]))[0] - begin[0] == 2.5 * MICROS_PER_DAY


@pytest.mark.parametrize("days", [np.inf, np.nan, HORIZON_DAYS * 1.01])
def test_what_is_too_far_ahead_never_comes(days: float) -> None:
    assert CALENDAR.after(np.array([0]), np.array([days])).tolist() == [NEVER]


@pytest.mark.parametrize("moment", [KNOTS[0] - 1, KNOTS[-1], NEVER])
def test_a_moment_before_the_first_year_or_past_the_last_one_is_refused(moment: int) -> None:
    with pytest.raises(ValueError, match="covers the years 1900 to 2299"):
        CALENDAR.at(np.array([0, moment]))


@pytest.mark.parametrize("rates", [(1.0,) * 23, (0.0,) * 24, (float("nan"),) * 24])
def test_rates_that_make_no_clock_are_refused(rates: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="24 rates above 0"):
        SeasonalClock(rates)
