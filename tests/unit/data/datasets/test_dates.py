"""Dates in every format are the right moment in UTC; what is no date, or is ambiguous, is refused with its cell."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.datasets.date_parts import format_of
from data.datasets.dates import FORMATS, Moments
from models.units import from_micros, to_micros

MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30))  # noqa: DTZ001 (their zone is what is tested)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def read(cell: str, form: str | None = None, *, day_first: bool = True, zone: str = "UTC") -> datetime:
    return from_micros(Moments(form or format_of(cell) or "iso", day_first, ZoneInfo(zone)).micros(cell))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2010-12-01 08:26", utc(2010, 12, 1, 8, 26)),
        ("2010-12-01T08:26:05", utc(2010, 12, 1, 8, 26, 5)),
        ("2010-12-01t08:26:05z", utc(2010, 12, 1, 8, 26, 5)),
        (" 2010-12-01\xa008:26 ", utc(2010, 12, 1, 8, 26)),
        ("2010-12-01", utc(2010, 12, 1)),
        ("2010-1-2 8:26", utc(2010, 1, 2, 8, 26)),
        ("2010/12/01 08:26", utc(2010, 12, 1, 8, 26)),
        ("2010.12.01", utc(2010, 12, 1)),
        ("2011-03-27T00:30:00.123456789Z", utc(2011, 3, 27, 0, 30, 0, 123456)),
        ("2011-03-27 00:30:00,5", utc(2011, 3, 27, 0, 30, 0, 500000)),
        ("2011-03-27T01:30:00+01:00", utc(2011, 3, 27, 0, 30)),
        ("2011-03-26 23:30:00-01:00", utc(2011, 3, 27, 0, 30)),
        ("2011-03-27 06:00:00 +0530", utc(2011, 3, 27, 0, 30)),
        ("2011-03-27 01:30+01", utc(2011, 3, 27, 0, 30)),
        ("2011-03-27 00:30:00 UTC", utc(2011, 3, 27, 0, 30)),
        ("2011-03-27 00:30:00 GMT", utc(2011, 3, 27, 0, 30)),
        ("2011-03-27 01:30:00 GMT+0100", utc(2011, 3, 27, 0, 30)),
        ("2011-03-28 01:30:00 Europe/London", utc(2011, 3, 28, 0, 30)),
        ("20110327", utc(2011, 3, 27)),
        ("20110327T0830", utc(2011, 3, 27, 8, 30)),
        ("20110327T083015+0200", utc(2011, 3, 27, 6, 30, 15)),
        ("01-12-2010 08:26", utc(2010, 12, 1, 8, 26)),
        ("1.12.2010, 8:26", utc(2010, 12, 1, 8, 26)),
        ("01.12.10", utc(2010, 12, 1)),
        ("31-12-99", utc(1999, 12, 31)),
        ("1/12/2010 8:26", utc(2010, 12, 1, 8, 26)),
        ("1/12/10 12:05 AM", utc(2010, 12, 1, 0, 5)),
        ("1/12/2010 12:05:09pm", utc(2010, 12, 1, 12, 5, 9)),
        ("1/12/2010 6:05:10 P.M.", utc(2010, 12, 1, 18, 5, 10)),
        ("1 Dec 2010", utc(2010, 12, 1)),
        ("01-Dec-2010 08:26", utc(2010, 12, 1, 8, 26)),
        ("1-dec-10", utc(2010, 12, 1)),
        ("Dec 1, 2010 8:26 AM", utc(2010, 12, 1, 8, 26)),
        ("December 1, 2010 at 8:26 PM", utc(2010, 12, 1, 20, 26)),
        ("Sept. 1st, 2010", utc(2010, 9, 1)),
        ("Wed, 01 Dec 2010 08:26:00 +0100", utc(2010, 12, 1, 7, 26)),
        ("1301185800", utc(2011, 3, 27, 0, 30)),
        ("1301185800.25", utc(2011, 3, 27, 0, 30, 0, 250000)),
        ("1301185800123", utc(2011, 3, 27, 0, 30, 0, 123000)),
        ("99999", utc(2173, 10, 13)),
        ("40513", utc(2010, 12, 1)),
        ("40513.35", utc(2010, 12, 1, 8, 24)),
        ("40513.3513888889", utc(2010, 12, 1, 8, 26)),
        ("3/1/2024 10:15:32 Eastern Time (US & Canada)", utc(2024, 1, 3, 15, 15, 32)),
    ],
)
def test_a_date_in_any_format_is_the_right_moment(cell: str, moment: datetime) -> None:
    assert read(cell) == moment


@pytest.mark.parametrize(
    "cell",
    ["", "-", "x", "2010", "2010-13-01", "2011-02-29", "2011-02-30 10:00", "2011-03-27 24:00", "2011-03-27 10:60",
     "2011-03-27 10:00:60", "2011-03-27 13:00 PM", "2011-03-27 0:30 AM", "2011-03-27 10", "2011-03-27 10:00 CST",
     "2011-03-27 10:00 Europe/Atlantis", "2011-03-27 10:00 +25:00", "2011-03-27 10:00+01:75", "2011-03/27",
     "31/02/2010", "0/1/2010", "13/25/2010", "1 Foo 2010", "1 Decimal 2010", "32 Dec 2010", "２０１１-03-27",
     "130118580", "13011858001", "2011-W12-7", "12:30", "2011-03-27 10:00 10:00", "1582-10-04", "0001-01-01",
     "9999-12-31 23:59", "2200-01-01", "1969-12-31 23:59", "9999999999999"],
)  # fmt: skip
def test_what_is_no_date_of_a_shop_is_refused_with_its_cell(cell: str) -> None:
    for form in FORMATS:
        with pytest.raises(ValueError, match=r"^'") as error:
            read(cell, form)
        assert len(str(error.value).splitlines()) == 1


def test_dates_are_within_the_bounds_of_the_worker() -> None:
    assert read("1970-01-01") == utc(1970, 1, 1)
    assert read("2199-12-31 23:59:59.999999") == utc(2199, 12, 31, 23, 59, 59, 999999)
    with pytest.raises(ValueError, match=r"^'2200-01-01T00:30\+00:00' is not between 1970 and 2200$"):
        read("2200-01-01T00:30+00:00")


def test_a_date_of_another_format_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^'01.12.2010' is not .* such as 2010-12-31 08:26; a column of times has one"
    ):
        read("01.12.2010", "iso")


def test_month_first_is_read_only_if_the_column_says_so() -> None:
    assert read("12/31/2010", day_first=False) == read("12-31-2010", day_first=False) == utc(2010, 12, 31)
    with pytest.raises(ValueError, match=r"day comes first in this column \(--set time.day_first=false reads it other"):
        read("12-31-2010")
    with pytest.raises(ValueError, match=r"there is no such date and time$"):
        read("13/25/2010")


def test_a_local_time_follows_daylight_saving() -> None:
    assert read("2024-01-15 12:00", zone="Europe/Berlin") == utc(2024, 1, 15, 11)
    assert read("2024-07-15 12:00", zone="Europe/Berlin") == utc(2024, 7, 15, 10)
    assert read("2024-07-15 12:00Z", zone="Europe/Berlin") == utc(2024, 7, 15, 12)
    assert read("1301185800", zone="Europe/Berlin") == utc(2011, 3, 27, 0, 30)


def test_a_local_time_that_happens_twice_is_the_first_one() -> None:
    assert read("2024-10-27 02:30", zone="Europe/Berlin") == utc(2024, 10, 27, 0, 30)


def test_a_local_time_that_never_was_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^'2024-03-31 02:30' does not exist in Europe/Berlin: the clocks went forward"
    ):
        read("2024-03-31 02:30", zone="Europe/Berlin")


def test_a_day_begins_even_where_the_clocks_skip_midnight() -> None:
    assert read("2018-11-04", zone="America/Sao_Paulo") == utc(2018, 11, 4, 3)


def test_a_format_of_strptime_is_followed() -> None:
    assert read("26.08h 1.12.2010", "%M.%Hh %d.%m.%Y") == utc(2010, 12, 1, 8, 26)
    assert read("2010-12-01 +0100", "%Y-%m-%d %z") == utc(2010, 11, 30, 23)
    with pytest.raises(ValueError, match=r"^'2010' is not %Y-%m-%d"):
        read("2010", "%Y-%m-%d")
    with pytest.raises(ValueError, match=r"^'２010-12-01' is not"):
        read("２010-12-01", "%Y-%m-%d")


@given(MOMENTS, OFFSETS, st.sampled_from(["T", " "]))
def test_an_iso_time_with_an_offset_is_exact(local: datetime, zone: timezone, separator: str) -> None:
    moment = local.replace(tzinfo=zone)
    assert read(moment.isoformat(separator)) == moment


@pytest.mark.parametrize(
    ("form", "day_first"),
    [
        ("%Y-%m-%d %H:%M:%S.%f", True),
        ("%Y%m%dT%H%M%S", True),
        ("%d-%m-%Y %H:%M:%S", True),
        ("%d.%m.%Y %H:%M:%S.%f", True),
        ("%d/%m/%Y %I:%M:%S %p", True),
        ("%m/%d/%Y %H:%M", False),
        ("%d %b %Y %H:%M", True),
        ("%B %d, %Y %I:%M %p", True),
        ("%a, %d %b %Y %H:%M:%S +0000", True),
    ],
)
@given(local=MOMENTS)
def test_a_moment_that_is_written_and_read_again_is_the_same(form: str, day_first: bool, local: datetime) -> None:
    moment = local.replace(tzinfo=UTC)
    if "%f" not in form:
        moment = moment.replace(microsecond=0)
    if "%S" not in form:
        moment = moment.replace(second=0)
    assert read(moment.strftime(form), day_first=day_first) == moment


@given(MOMENTS)
def test_a_count_since_1970_or_of_days_is_exact(local: datetime) -> None:
    micros = to_micros(local.replace(tzinfo=UTC))
    seconds = micros // 1_000_000
    if seconds >= 10**9 and seconds < 10**10:
        assert read(str(seconds)) == from_micros(seconds * 1_000_000)
        assert read(str(micros // 1_000)) == from_micros(micros // 1_000 * 1_000)
    milliseconds = micros // 1_000
    days = milliseconds / 86_400_000 + 25_569
    if days < 100_000:
        assert read(f"{days:.11f}", "excel-days") == from_micros(milliseconds * 1_000)


@given(st.text(max_size=30), st.sampled_from([*FORMATS, "%d.%m.%Y"]))
def test_any_text_is_a_moment_or_one_line_of_a_reason(cell: str, form: str) -> None:
    reason = ""
    try:
        read(cell, form, zone="Europe/Berlin")
    except ValueError as error:
        reason = str(error)
    assert len(reason.splitlines()) <= 1
