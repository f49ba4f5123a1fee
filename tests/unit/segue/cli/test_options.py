"""A cutoff far after the last transaction is refused; an unusual one causes a warning."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from segue.cli.options import check_cutoff

LAST = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)


@pytest.mark.parametrize("days", [-400, 0, 1])
def test_a_cutoff_up_to_a_day_after_the_last_transaction_causes_no_warning(
    days: int, capsys: pytest.CaptureFixture[str]
) -> None:
    check_cutoff(LAST + timedelta(days=days), LAST)
    assert capsys.readouterr().err == ""


def test_a_later_cutoff_causes_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    check_cutoff(LAST + timedelta(days=90), LAST)
    assert "after the last transaction, of 2011-12-09" in " ".join(capsys.readouterr().err.split())


def test_a_cutoff_more_than_a_year_later_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        check_cutoff(LAST + timedelta(days=366), LAST)
    assert "366 days after the last transaction; choose an earlier one" in " ".join(capsys.readouterr().err.split())
