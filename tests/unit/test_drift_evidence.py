"""The evidence in docs/drift.md is still true: a few of its shops are observed again."""

import re
from pathlib import Path

import pytest

from benchmarks.drift_evidence import AT, CONTROLS, WHAT, alarms
from data.datasets.steady import Injection
from models.drift.adwin import DELTA

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EVIDENCE = (ROOT / "docs" / "drift.md").read_text()
RIVERS_DELTA = 0.002
# One of the shops with only seasons in which river's default raises an alarm.
SENSITIVE = 4


def rows(page: str) -> list[str]:
    """The rows of the table of evidence."""
    return [line for line in page.splitlines() if line.startswith(tuple(f"| {what} |" for what in WHAT.values()))]


@pytest.mark.parametrize("seed", [0, SENSITIVE])
@pytest.mark.parametrize("control", CONTROLS)
def test_a_shop_in_which_nothing_shifts_raises_no_alarm(control: Injection, seed: int) -> None:
    assert list(alarms(control, seed, DELTA)) == []


def test_seasons_alone_raise_an_alarm_with_rivers_default() -> None:
    assert {found.measure for found in alarms("seasons", SENSITIVE, RIVERS_DELTA)} == {"distance", "returns"}


def test_a_price_rise_is_detected_within_the_days_of_the_table_and_nothing_is_raised_before() -> None:
    (row,) = (row for row in rows(EVIDENCE) if row.startswith(f"| {WHAT['prices']} |"))
    longest = re.search(r"basket: (\d+)/\1, \d+ \((\d+)\)", row)
    assert longest is not None
    found = list(alarms("prices", SENSITIVE, DELTA))
    assert {alarm.measure for alarm in found} == {"basket"}
    assert AT < found[0].day <= AT + int(longest[2])


def test_customers_who_order_half_as_often_are_noticed_by_their_predictions_within_the_days_of_the_table() -> None:
    (row,) = (row for row in rows(EVIDENCE) if row.startswith(f"| {WHAT['seldom']} |"))
    longest = re.search(r"predictions within_30_days: (\d+)/\1, \d+ \((\d+)\)", row)
    assert longest is not None
    found = [alarm for alarm in alarms("seldom", 0, DELTA) if alarm.measure == "predictions within_30_days"]
    assert AT < found[0].day <= AT + int(longest[2])


def test_the_evidence_has_a_row_for_every_shift_and_the_readme_repeats_none() -> None:
    assert len(rows(EVIDENCE)) == len(WHAT)
    assert rows((ROOT / "README.md").read_text()) == []
