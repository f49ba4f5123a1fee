"""What ``segue backfill`` says of periods, of segments and of risk states alike."""

from datetime import UTC, datetime

import pytest

from models.calendar import periods
from segue.cli import backfill_periods
from segue.cli.backfill_periods import CHANGES
from services.backfill.comparison import HistoryComparison, MoveCounts

BEGIN = datetime(2010, 1, 1, tzinfo=UTC)


def shown(months: int, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """The table and the line below it, of this many months without a change."""
    end = datetime(2010 + (months - 1) // 12, (months - 1) % 12 + 1, 15, tzinfo=UTC)
    compared = HistoryComparison(periods("month", BEGIN, end)).results([])
    assert len(compared) == months
    backfill_periods.show("Months", "segment", compared, "month", CHANGES)
    printed = capsys.readouterr()
    return printed.out, printed.err


def test_a_table_of_many_periods_says_how_many_earlier_ones_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    table, line = shown(36, capsys)
    assert "Jan 2010" in table
    assert line == ""
    table, line = shown(37, capsys)
    assert "Jan 2010" not in table
    assert line == "1 earlier month is in the output of --json.\n"
    assert shown(39, capsys)[1] == "3 earlier months are in the output of --json.\n"


def test_equal_changes_are_counted_in_words() -> None:
    none = MoveCounts.total([])
    assert backfill_periods.equality(1, none, none, "changes", "segments").startswith("1 of the model's 0 changes is ")
    assert " changes are among " in backfill_periods.equality(0, none, none, "changes", "segments")


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ({}, "Nothing is published so far."),
        ({"k5-b": 2}, "All were published by this model."),
        ({"k5-b": 2, "k5-a": 1_000}, "Published by: k5-a (1,000), k5-b (2)."),
        ({"": 1}, "Published by: none (1)."),
    ],
)
def test_the_models_that_published_changes_are_named(by: dict[str, int], said: str) -> None:
    assert backfill_periods.publishers(by, "k5-b", "model", "Nothing") == said
