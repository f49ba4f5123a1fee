"""Dates as shops write them: the right moment, or a question; never another day without a word."""

from pathlib import Path

import pytest

from data.datasets.cells import DataError
from tests.support.shop_readings import read, rows


def _file(*dates: str) -> str:
    return rows(*(f"{900000 + number},A,MUG,1,{date},2.50,c{number},UK" for number, date in enumerate(dates)))


@pytest.mark.parametrize(
    ("dates", "moments"),
    [
        (["01-12-2010 08:26", "05-12-2010 09:10"], ["2010-12-01 08:26:00", "2010-12-05 09:10:00"]),
        (["1-2-2011 8:05", "2-2-2011 18:05"], ["2011-02-01 08:05:00", "2011-02-02 18:05:00"]),
        (["01.12.2010 08:26", "02.12.2010"], ["2010-12-01 08:26:00", "2010-12-02 00:00:00"]),
        (["01-12-2010", "03-12-2010"], ["2010-12-01 00:00:00", "2010-12-03 00:00:00"]),
        (["01-12-10 08:26", "31-12-10 08:26"], ["2010-12-01 08:26:00", "2010-12-31 08:26:00"]),
        (["01-Dec-2010 08:26", "05-Jan-2011 09:10"], ["2010-12-01 08:26:00", "2011-01-05 09:10:00"]),
        (["1 December 2010", "2 December 2010"], ["2010-12-01 00:00:00", "2010-12-02 00:00:00"]),
    ],
)
def test_dashes_and_dots_with_the_year_last_are_day_first(tmp_path: Path, dates: list[str], moments: list[str]) -> None:
    assert read(tmp_path, _file(*dates)).moments == moments


@pytest.mark.parametrize(
    ("dates", "moments"),
    [
        (["13/12/2010 08:26", "01/12/2010 08:26"], ["2010-12-01 08:26:00", "2010-12-13 08:26:00"]),
        (["12/13/2010 08:26", "12/1/2010 08:26"], ["2010-12-01 08:26:00", "2010-12-13 08:26:00"]),
        (["1/2/11 8:26", "25/2/11 8:26"], ["2011-02-01 08:26:00", "2011-02-25 08:26:00"]),
        (["2010/12/01 08:26", "2010/12/02 08:26"], ["2010-12-01 08:26:00", "2010-12-02 08:26:00"]),
        (["31/01/2011", "01/02/2011"], ["2011-01-31 00:00:00", "2011-02-01 00:00:00"]),
    ],
)
def test_one_date_above_the_twelfth_decides_slashes_for_the_whole_column(
    tmp_path: Path, dates: list[str], moments: list[str]
) -> None:
    assert read(tmp_path, _file(*dates)).moments == moments


@pytest.mark.parametrize(
    "dates",
    [
        ["01/12/2010 08:26", "05/12/2010 09:10"],
        ["1/2/2011"],
        ["03/04/11 10:00", "05/06/11 10:00"],
        ["01/02/2011 6:05:10 PM"],
        ["12/12/2010", "11/12/2010"],
        ["13/12/2010 08:26", "12/13/2010 08:26"],
        ["01/12/2010 8:26p", "01/12/2010 08:26"],
    ],
)
def test_slashes_that_do_not_tell_are_asked_about_with_both_options(tmp_path: Path, dates: list[str]) -> None:
    with pytest.raises(DataError, match=r"(?s)(?=.*time\.day_first=true)(?=.*time\.day_first=false)") as caught:
        read(tmp_path, _file(*dates))
    assert "\n" not in str(caught.value)


def test_a_setting_decides_what_the_dates_do_not_tell(tmp_path: Path) -> None:
    content = _file("01/02/2011 08:00")
    assert read(tmp_path, content, "time.day_first=true").moments == ["2011-02-01 08:00:00"]
    assert read(tmp_path, content, "time.day_first=false").moments == ["2011-01-02 08:00:00"]


@pytest.mark.parametrize(
    "dates",
    [
        ["2010-12-01 08:26", "13/12/2010 08:26"],
        ["31-02-2011 08:00"],
        ["2010-13-01 08:00"],
        ["2010-12-01 24:30"],
        ["yesterday"],
        ["9999-12-31 00:00"],
        ["1899-12-30 00:00"],
        ["0001-01-01T00:00:00Z"],
    ],
)
def test_a_date_that_fits_no_convention_is_named_with_its_place(tmp_path: Path, dates: list[str]) -> None:
    with pytest.raises(DataError, match="InvoiceDate") as caught:
        read(tmp_path, _file(*dates))
    assert "\n" not in str(caught.value)
    assert "shop.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("2011-03-27T01:30:00+01:00", "2011-03-27 00:30:00"),
        ("2011-03-27T00:30:00Z", "2011-03-27 00:30:00"),
        ("2011-03-27 00:30:00 UTC", "2011-03-27 00:30:00"),
        ("2011-03-27 00:30:00.123456789", "2011-03-27 00:30:00"),
        ("2024-03-01 10:00:00 +0100", "2024-03-01 09:00:00"),
        ("2024-03-01 10:00:00-0530", "2024-03-01 15:30:00"),
        ("3/27/2011 6:05:10 PM", "2011-03-27 18:05:10"),
        ("3/27/2011 12:05 AM", "2011-03-27 00:05:00"),
        ("1301185800", "2011-03-27 00:30:00"),
        ("1301185800123", "2011-03-27 00:30:00"),
        ("20110327", "2011-03-27 00:00:00"),
        ("20110327T0830", "2011-03-27 08:30:00"),
    ],
)
def test_a_moment_is_read_in_utc(tmp_path: Path, date: str, moment: str) -> None:
    assert read(tmp_path, _file(date)).moments == [moment]


@pytest.mark.parametrize(
    ("date", "zone", "moment"),
    [
        ("2011-07-01 10:00", "Europe/Berlin", "2011-07-01 08:00:00"),
        ("2011-01-01 10:00", "Europe/Berlin", "2011-01-01 09:00:00"),
        ("2011-07-01 10:00", "America/New_York", "2011-07-01 14:00:00"),
        ("2011-07-01 10:00", "Asia/Kathmandu", "2011-07-01 04:15:00"),
        ("2011-07-01T10:00:00Z", "Europe/Berlin", "2011-07-01 10:00:00"),
        ("2011-10-30 02:30", "Europe/Berlin", "2011-10-30 00:30:00"),
    ],
)
def test_local_times_become_utc_in_the_zone_of_the_mapping(tmp_path: Path, date: str, zone: str, moment: str) -> None:
    assert read(tmp_path, _file(date), f"time.zone={zone}").moments == [moment]


def test_times_without_a_zone_are_utc_and_the_notes_say_so(tmp_path: Path) -> None:
    assert "UTC" in read(tmp_path, _file("2011-03-27 00:30:00")).notes


@pytest.mark.parametrize("date", ["10-12-01 08:26", "10-12-01", "24-03-02 10:00:00"])
def test_a_date_whose_year_can_be_first_or_last_is_asked_about(tmp_path: Path, date: str) -> None:
    with pytest.raises(DataError, match=r"(?=.*time\.format=d)(?=.*time\.format=%y)"):
        read(tmp_path, _file(date))


def test_the_format_that_the_question_names_is_one_that_can_be_set(tmp_path: Path) -> None:
    content = _file("10-12-01 08:26")
    assert read(tmp_path, content, "time.format=dashes").moments == ["2001-12-10 08:26:00"]
    assert read(tmp_path, content, "time.format=%y-%m-%d %H:%M").moments == ["2010-12-01 08:26:00"]


def test_a_time_that_no_date_has_is_one_clear_line_even_if_the_date_can_be_read_in_two_ways(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="InvoiceDate"):
        read(tmp_path, _file("01/12/2010 8:26p"))


def test_a_note_shows_how_a_year_of_two_digits_is_read(tmp_path: Path) -> None:
    assert "'01.12.10' is read as 2010-12-01" in read(tmp_path, _file("01.12.10")).notes


def test_a_name_of_a_time_zone_is_no_half_of_the_day(tmp_path: Path) -> None:
    assert read(tmp_path, _file("2011-07-01 10:00 America/New_York")).moments == ["2011-07-01 14:00:00"]
