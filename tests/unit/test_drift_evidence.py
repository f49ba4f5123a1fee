"""What the documentation says about drift is still so: the evidence again, for a few of its shops."""

import re
from pathlib import Path

import pytest

from benchmarks.drift_evidence import AT, CONTROLS, WHAT, alarms
from data.datasets.steady import Injection
from models.drift.mean_change import DELTA

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EVIDENCE = (ROOT / "docs" / "drift.md").read_text()
RIVERS_DELTA = 0.002
# One of the shops with seasons alone in which river's default raises an alarm.
RESTLESS = 4


def rows(page: str) -> list[str]:
    """Those of the table of evidence."""
    return [line for line in page.splitlines() if line.startswith(tuple(f"| {what} |" for what in WHAT.values()))]


@pytest.mark.parametrize("seed", [0, RESTLESS])
@pytest.mark.parametrize("control", CONTROLS)
def test_a_shop_in_which_nothing_shifts_raises_no_alarm(control: Injection, seed: int) -> None:
    assert list(alarms(control, seed, DELTA)) == []


def test_with_rivers_default_seasons_alone_would_raise_one() -> None:
    assert {found.measure for found in alarms("seasons", RESTLESS, RIVERS_DELTA)} == {"distance", "returns"}


def test_a_price_rise_is_found_as_soon_as_the_table_says_and_nothing_before() -> None:
    (row,) = (row for row in rows(EVIDENCE) if row.startswith(f"| {WHAT['prices']} |"))
    longest = re.search(r"basket: (\d+)/\1, \d+ \((\d+)\)", row)
    assert longest is not None
    found = list(alarms("prices", RESTLESS, DELTA))
    assert {alarm.measure for alarm in found} == {"basket"}
    assert AT < found[0].day <= AT + int(longest[2])


def test_the_readme_shows_the_same_evidence() -> None:
    assert len(rows(EVIDENCE)) == len(WHAT)
    assert rows((ROOT / "README.md").read_text()) == rows(EVIDENCE)
