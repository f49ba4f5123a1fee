"""Periods of event days."""

from datetime import UTC, date, datetime

from dashboard.shifts import periods
from dashboard.shifts.periods import DayPeriod

FIRST = datetime(2011, 5, 30, 8, tzinfo=UTC)
NOW = datetime(2011, 6, 15, 9, 30, tzinfo=UTC)


def test_a_preset_ends_with_today() -> None:
    period = periods.preset("7", FIRST, NOW)
    assert period == DayPeriod(datetime(2011, 6, 9, tzinfo=UTC), datetime(2011, 6, 16, tzinfo=UTC))
    assert (period.days, period.last_day) == (7, datetime(2011, 6, 15, tzinfo=UTC))


def test_no_preset_begins_before_the_history() -> None:
    for key in ("90", "365", "all"):
        assert periods.preset(key, FIRST, NOW).since == datetime(2011, 5, 30, tzinfo=UTC)


def test_two_dates_are_both_in_their_period() -> None:
    period = periods.custom((date(2011, 6, 1), date(2011, 6, 2)), FIRST, NOW)
    assert period == DayPeriod(datetime(2011, 6, 1, tzinfo=UTC), datetime(2011, 6, 3, tzinfo=UTC))


def test_while_the_second_date_is_missing_the_period_is_the_first_day() -> None:
    assert periods.custom((date(2011, 6, 1),), FIRST, NOW).days == 1
    assert periods.custom((), FIRST, NOW) == periods.preset("all", FIRST, NOW)


def test_an_earlier_period_is_as_long() -> None:
    period = DayPeriod(datetime(2011, 6, 1, tzinfo=UTC), datetime(2011, 6, 8, tzinfo=UTC))
    assert period.earlier(7) == DayPeriod(datetime(2011, 5, 25, tzinfo=UTC), datetime(2011, 6, 1, tzinfo=UTC))
