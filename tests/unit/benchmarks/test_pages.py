"""The tables of docs/performance.md and docs/capacity.md are what the commands print for benchmarks/report.json."""

from pathlib import Path

import pytest

from benchmarks.capacity import Assumptions, carried, cost, plan
from benchmarks.capacity import markdown as capacity_tables
from benchmarks.compare.results import Report, from_json
from benchmarks.compare.tables import markdown

ROOT = Path(__file__).parents[3]
RATES = (1_000, 100_000, 1_000_000)


@pytest.fixture(scope="module")
def report() -> Report:
    return from_json((ROOT / "benchmarks" / "report.json").read_bytes())


def tables(text: str) -> list[str]:
    return [part.strip() for part in text.split("\n\n") if part.lstrip().startswith("|")]


def test_the_page_on_performance_shows_the_report(report: Report) -> None:
    page = (ROOT / "docs" / "performance.md").read_text()
    shown = tables(markdown(report))
    assert len(shown) >= 5
    assert [table for table in shown if table not in page] == []
    assert report.command in page


def test_the_page_on_capacity_shows_what_follows_from_it(report: Report) -> None:
    page = (ROOT / "docs" / "capacity.md").read_text()
    each = cost(report)
    shown = tables(
        capacity_tables(each, [plan(each, rate, Assumptions()) for rate in RATES], carried(each, Assumptions()))
    )
    assert len(shown) == 3
    assert [table for table in shown if table not in page] == []
