"""Ratios of earlier benchmarks."""

from pathlib import Path

import pytest

from benchmarks.compare import history
from benchmarks.compare.history import Compared
from runtime.errors import SegueError
from tests.support.benchmark_reports import a_run, report

NAME = "segue / handwritten, apache, 100,000 invoices: speed"
CPU = "segue / handwritten, apache, 100,000 invoices: CPU of worker and Postgres"
HALF, WHOLE = (report([a_run("segue", rate), a_run("handwritten", 10_000)]) for rate in (5_000, 10_000))


def test_a_file_that_does_not_exist_has_no_entries(tmp_path: Path) -> None:
    assert history.read(tmp_path / "none.jsonl") == []


def test_a_ratio_is_compared_with_the_newest_one_of_its_name(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    other = report([a_run("segue", 1.0, invoices=10), a_run("handwritten", 1.0, invoices=10)])
    for each in (WHOLE, HALF, other):
        history.append(file, each)
    assert history.compared(history.read(file), WHOLE) == [
        Compared(NAME, 0.5, 1.0, "abc1234"),
        Compared(CPU, 1.0, 1.0, "abc1234"),
    ]


def test_the_first_ratio_has_nothing_before_it() -> None:
    assert Compared(NAME, None, 1.0, None) in history.compared([], WHOLE)


def test_a_report_without_ratios_adds_nothing(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    history.append(file, report([a_run("segue", 1.0)]))
    assert history.read(file) == []


def test_a_line_that_is_no_entry_is_named(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    history.append(file, WHOLE)
    with file.open("a") as lines:
        lines.write("{}\n")
    with pytest.raises(SegueError, match=r"line 2 of .*history\.jsonl is not a benchmark's entry"):
        history.read(file)
