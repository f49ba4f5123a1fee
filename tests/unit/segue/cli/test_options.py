"""A cutoff far after the last transaction is refused; an unusual one causes a warning."""

from datetime import UTC, datetime, timedelta

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from segue.cli.options import check_cutoff, moment

FIRST = datetime(2009, 12, 1, 7, 45, tzinfo=UTC)
LAST = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)


@pytest.mark.parametrize("days", [-400, 0, 1])
def test_a_cutoff_up_to_a_day_after_the_last_transaction_causes_no_warning(
    days: int, capsys: pytest.CaptureFixture[str]
) -> None:
    check_cutoff(LAST + timedelta(days=days), FIRST, LAST)
    assert capsys.readouterr().err == ""


def test_a_later_cutoff_causes_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    check_cutoff(LAST + timedelta(days=90), FIRST, LAST)
    assert "after the last transaction, of 2011-12-09" in " ".join(capsys.readouterr().err.split())


def test_a_cutoff_more_than_a_year_later_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        check_cutoff(LAST + timedelta(days=366), FIRST, LAST)
    assert "366 days after the last transaction; choose an earlier one" in " ".join(capsys.readouterr().err.split())


def test_a_cutoff_before_the_data_is_refused_with_the_range(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        check_cutoff(FIRST - timedelta(days=1), FIRST, LAST)
    said = " ".join(capsys.readouterr().err.split())
    assert "before the first transaction, of 2009-12-01 07:45: choose one up to 2011-12-09" in said


@given(st.datetimes(LAST.replace(year=1970, tzinfo=None), timezones=st.just(UTC)))
def test_every_form_in_which_segue_prints_a_moment_is_read(at: datetime) -> None:
    assert moment(at.isoformat()) == moment(str(at)) == moment(f"{at:%Y-%m-%dT%H:%M:%S.%fZ}") == at
    second = at.replace(microsecond=0)
    assert moment(f"{second:%Y-%m-%d %H:%M:%S %Z}") == moment(f"{second:%Y-%m-%dT%H:%M:%S}") == second
    minute = second.replace(second=0)
    assert moment(f"{minute:%Y-%m-%d %H:%M}") == minute
    assert moment(f"{at:%Y-%m-%d}") == minute.replace(hour=0, minute=0)


def test_a_moment_with_another_zone_becomes_utc() -> None:
    assert moment("2010-12-01 08:26+02:00") == datetime(2010, 12, 1, 6, 26, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "tomorrow", "01/12/2010", "2010-13-01", "9" * 400, "0001-01-01T00:00+14:00"])
def test_what_is_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a moment: write 2010-12-01"):
        moment(text)
