"""``segue data generate``: what it says, what it refuses, and what is left when it is stopped."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data.datasets.load import load
from segue.cli.app import app
from tests.support.signals import heard

RUNNER = CliRunner()
SMALL = ("--customers", "30", "--days", "60")


def said(*arguments: str) -> tuple[int, str]:
    result = RUNNER.invoke(app, ["data", "generate", *arguments])
    if result.exit_code and result.exception is not None and not isinstance(result.exception, SystemExit):
        return 1, str(result.exception)
    return result.exit_code, result.output


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shop.csv", "shop.parquet"])
def test_the_last_line_counts_what_a_reader_of_the_file_counts(tmp_path: Path, name: str) -> None:
    code, text = said(str(tmp_path / name), *SMALL)
    report = load(tmp_path / name).report
    counts = f"{report.rows:,} lines, {report.transactions:,} transactions of {report.customers} customers"
    assert code == 0
    assert text.splitlines()[-1] == f"{tmp_path / name}: {counts}"


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--customers", "99999999999999999999", "at most 10,000,000 customers"),
        ("--days", "99999999999999999999", "at most 36,500 days"),
        ("--seed", "99999999999999999999", "a seed is a number from 0 to"),
    ],
)
def test_a_number_out_of_bounds_is_refused_in_one_line(tmp_path: Path, option: str, value: str, reason: str) -> None:
    code, text = said(str(tmp_path / "shop.csv"), option, value)
    assert code == 1
    assert reason in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_large_seed_is_a_seed_like_any_other(tmp_path: Path) -> None:
    assert said(str(tmp_path / "shop.csv"), "--seed", "99999999999", *SMALL)[0] == 0


@pytest.mark.parametrize("name", ["nowhere/shop.csv", "shop.xlsx", "folder.csv"])
def test_a_path_that_can_not_be_written_is_refused_before_the_work(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    # The size is out of bounds, too, which is found out when the work begins.
    code, text = said(str(tmp_path / name), "--customers", "99999999999999999999", "--force")
    assert code == 1
    assert "can't write" in text
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_generation_leaves_no_half_file(tmp_path: Path, number: signal.Signals) -> None:
    # Far more than can be written before the signal arrives.
    command = [sys.executable, "-m", "segue", "data", "generate", str(tmp_path / "shop.csv"), "--customers", "300000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as process:
        deadline = time.monotonic() + 120
        while not any(tmp_path.iterdir()) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        assert any(tmp_path.iterdir()), "the file is written aside from the beginning"
        process.send_signal(number)
        _, messages = process.communicate(timeout=300)
    assert process.returncode != 0
    assert "Traceback" not in messages
    assert list(tmp_path.iterdir()) == []
