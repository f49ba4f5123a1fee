"""``segue demo`` and ``segue demo --once`` from an empty folder."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import tried
from tests.support.local_stack import wait_until
from tests.support.retail import CUSTOMERS, REAL, SEED, retail
from tests.support.web import answers, dashboard_address

SEGUE = [sys.executable, "-m", "segue"]


@pytest.fixture(scope="module")
def dataset_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if REAL.exists():
        return REAL
    path = tmp_path_factory.mktemp("dataset") / "shop.parquet"
    command = [*SEGUE, "data", "generate", str(path), "--customers", str(CUSTOMERS), "--seed", str(SEED)]
    subprocess.run(command, check=True, capture_output=True)
    return path


def test_demo_once_proves_the_whole_dataset(dataset_file: Path, tmp_path: Path) -> None:
    command = [*SEGUE, "demo", "--once", "--json", str(dataset_file)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    report = retail().report
    buyers = retail().transactions.query("kind == 'sale'")["customer_id"].nunique()
    assert summary["transactions"] == report.transactions
    assert summary["customers"] == buyers == summary["changes"]["first_purchase"]
    assert (summary["differences"], summary["duplicates"], summary["dead_letters"]) == (0, 0, 0)
    assert summary["risk_states"] == buyers
    assert summary["changes"]["decay"] > summary["customers"] / 2
    assert summary["changes"]["purchase"] > summary["customers"] / 2
    assert summary["seconds"] > 0
    assert re.fullmatch(r"k5-[0-9a-f]{12}", summary["model_version"])
    assert list((tmp_path / ".segue").iterdir()) == []
    if REAL.exists():
        assert (summary["transactions"], summary["customers"]) == (44_876, 5_881)


def test_demo_with_nothing_downloaded_says_so_serves_the_page_and_stops_cleanly(tmp_path: Path) -> None:
    said = tmp_path / "said"
    with said.open("w") as stderr:
        demo = subprocess.Popen([*SEGUE, "demo", "--port", "0", "--speed", "5d/s"], cwd=tmp_path, stderr=stderr)
    try:
        wait_until(lambda: _transactions(tmp_path) > 1_000)
        seen = _transactions(tmp_path)
        wait_until(lambda: _transactions(tmp_path) > seen)
        dashboard = dashboard_address(said.read_text())
        wait_until(lambda: answers(f"{dashboard}/_stcore/health"))
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(timeout=300)
    words = said.read_text()
    assert demo.returncode == 0, words
    assert "synthetic data" in words
    assert "segue data fetch" in " ".join(words.split())
    assert not (tmp_path / ".segue" / "stack.json").exists()
    assert (tmp_path / ".segue" / "postgres" / "PG_VERSION").exists()
    assert not (tmp_path / ".segue" / "postgres" / "postmaster.pid").exists()


def _transactions(folder: Path) -> int:
    found = re.search(r"transactions: ([\d,]+)", tried(folder / ".segue", "status").stdout)
    return int(found[1].replace(",", "")) if found else 0
