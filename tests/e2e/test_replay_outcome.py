"""A replay says what became of what it sent, resumes by the ledger, and refuses what does not fit the stream."""

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from data.postgres import progress, replay_control
from data.postgres.tables import transactions
from segue.cli.app import app
from tests.support.generated_tables import a_model
from tests.support.local_stack import PATIENCE, Local, applied, local, wait_until

COLUMNS = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
FIRST = datetime(2010, 3, 1, 9, tzinfo=UTC)
CHAOS = "duplicates=0.1,late=0.1,shuffle=3h,malformed=0.05,conflicts=0.05"
# At 40 a second: more than a minute.
SLOWLY_SENT = 3_000
Row = list[Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Local]:
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    with local(tmp_path, a_model()) as running:
        yield running


def _rows(numbers: range, customers: int = 12) -> list[Row]:
    """One invoice of one line every five hours."""
    return [
        [
            f"5{number:05d}",
            "A1",
            "A thing",
            1 + number % 4,
            f"{FIRST + timedelta(hours=5 * number):%Y-%m-%d %H:%M:%S}",
            f"{1 + number % 7}.50",
            12_000 + number % customers,
            "France",
        ]
        for number in numbers
    ]


def _file(path: Path, rows: Sequence[Row]) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return str(path)


def _segue(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def _replay(*arguments: str) -> tuple[int, dict[str, Any]]:
    result = _segue("replay", *arguments, "--speed", "max", "--json")
    assert result.exit_code in (0, 1), result.output
    return result.exit_code, json.loads(result.stdout)


def _refusal(*arguments: str) -> str:
    result = _segue("replay", *arguments, "--speed", "max")
    assert result.exit_code == 1
    return " ".join(result.output.split()) + str(result.exception)


def _counts(outcome: dict[str, Any]) -> tuple[int, int, int, int, int]:
    names = ("sent", "applied", "duplicates", "late", "not_applied")
    sent, accepted, duplicates, late, waiting = (outcome[name] for name in names)
    return sent, accepted, duplicates, late, waiting


def test_the_stack_reports_exactly_the_chaos_that_was_injected(run: Local, tmp_path: Path) -> None:
    shop = _file(tmp_path / "shop.csv", _rows(range(300)))
    code, outcome = _replay(shop, "--chaos", CHAOS, "--seed", "1")
    injected = outcome["injected"]
    assert (code, outcome["differences"], outcome["others"]) == (0, [], 0)
    assert min(injected.values()) > 0
    assert _counts(outcome) == (outcome["sent"], 300, injected["duplicates"], injected["late"], 0)
    assert sum(outcome["dead_letters"].values()) == injected["malformed"] + injected["conflicts"]
    assert outcome["sent"] == 300 + injected["duplicates"] + injected["malformed"] + injected["conflicts"]
    assert _segue("reconcile", shop).exit_code == 0

    # The stream has everything now: it is all a duplicate, or nothing is sent.
    code, outcome = _replay(shop)
    assert (code, _counts(outcome)) == (0, (300, 0, 300, 0, 0))
    code, outcome = _replay(shop, "--resume")
    assert (code, _counts(outcome)) == (0, (0, 0, 0, 0, 0))


def test_a_replay_is_resumed_by_the_ledger_in_a_stream_that_has_gone_further(run: Local, tmp_path: Path) -> None:
    shop = _file(tmp_path / "shop.csv", _rows(range(200)))
    middle = f"{FIRST + timedelta(hours=500):%Y-%m-%d %H:%M:%S}"
    code, outcome = _replay(shop, "--since", middle)
    assert (code, _counts(outcome)) == (0, (100, 100, 0, 0, 0))
    code, outcome = _replay(shop, "--resume")
    assert (code, _counts(outcome)) == (0, (100, 100, 0, 100, 0))
    assert _segue("reconcile", shop).exit_code == 0


def test_files_go_into_a_stream_by_their_content(run: Local, tmp_path: Path) -> None:
    rows = _rows(range(150))
    assert _replay(_file(tmp_path / "monday.csv", rows[:100]))[0] == 0
    # The next day's file, and one that overlaps with what has come.
    assert _counts(_replay(_file(tmp_path / "tuesday.csv", rows[100:120]))[1])[:2] == (20, 20)
    code, outcome = _replay(_file(tmp_path / "all.csv", rows), "--resume")
    assert (code, _counts(outcome)[:2]) == (0, (30, 30))

    other = _file(tmp_path / "other.csv", [[f"9{row[0]}", *row[1:6], row[6] + 5_000, row[7]] for row in rows[:50]])
    assert "the stream has none of its transactions; add --mix" in _refusal(other)
    corrected = _file(tmp_path / "corrected.csv", [[*rows[3][:5], "99.00", *rows[3][6:]], *rows[4:9]])
    refused = _refusal(corrected)
    assert "1 of its transactions contradict the stream: 500003 of customer 12003 is a sale of 396.00 at" in refused
    assert applied(run) == 150

    code, outcome = _replay(corrected, "--mix")
    assert (code, _counts(outcome)) == (1, (6, 0, 5, 0, 0))
    assert outcome["dead_letters"] == {"a transaction with this id but other content is known": 1}
    line = _segue("replay", corrected, "--mix", "--speed", "max").output
    assert "see `segue dlq list`" in line


def test_a_signal_ends_a_replay_cleanly_only_one_runs_at_a_time_and_a_killed_one_blocks_nobody(
    run: Local, tmp_path: Path
) -> None:
    shop = _file(tmp_path / "shop.csv", _rows(range(SLOWLY_SENT)))
    sent = 0
    for number, ends_with in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        with _sending_slowly(run, tmp_path, shop) as process:
            refused = _refusal(shop)
            assert "a replay of shop.csv is running" in refused
            assert f"process {process.pid} since" in refused
            process.send_signal(number)
            output, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == ends_with, output
        assert "continue with --resume" in output.splitlines()[-1]
        (row,) = replay_control.replays(run.postgres)
        assert row.state == "stopped"
        assert 20 <= row.sent < SLOWLY_SENT
        sent += row.sent
        assert applied(run) == sent
    with _sending_slowly(run, tmp_path, shop) as process:
        process.kill()
        process.communicate(timeout=PATIENCE)
    code, outcome = _replay(shop, "--resume")
    left = outcome["sent"]
    assert 0 < left <= SLOWLY_SENT - sent - 20
    assert (code, _counts(outcome)[:3], applied(run)) == (0, (left, left, 0), SLOWLY_SENT)
    # Each replay went on where the one before had ended.
    assert progress.totals(run.postgres).duplicates == 0


@contextmanager
def _sending_slowly(run: Local, folder: Path, shop: str) -> "Iterator[subprocess.Popen[str]]":
    """A replay that goes on for longer than the block, which has sent some transactions."""
    before = applied(run)
    process = _start(folder, shop, "--rate", "40", "--resume")
    try:
        wait_until(lambda: applied(run) >= before + 20)
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)


def test_a_loop_sends_one_period_after_another_in_order(run: Local, tmp_path: Path) -> None:
    shop = _file(tmp_path / "shop.csv", _rows(range(30)))
    process = _start(tmp_path, shop, "--loop", "--speed", "5d/s")
    try:
        wait_until(lambda: applied(run) > 75)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 143, output
    totals = progress.totals(run.postgres)
    assert (totals.duplicates, totals.late, totals.dead_letters) == (0, 0, 0)
    with run.postgres.connect() as connection:
        by_period = func.split_part(transactions.c.transaction_id, "~", 2)
        query = select(by_period, func.count()).group_by(by_period).order_by(by_period)
        counts = [tuple(row) for row in connection.execute(query)]
    assert counts[:2] == [("", 30), ("2", 30)]


def _start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "segue", "replay", *arguments],
        env=os.environ | {"SEGUE_STATE_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
