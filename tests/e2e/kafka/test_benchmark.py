"""The benchmark as anyone runs it, in its quick form: every contender is right, and Segue even after a kill."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.compare import history
from benchmarks.compare.results import Report, from_json
from benchmarks.compare.tables import markdown
from segue.local.apache.java import missing
from tests.support.local_stack import wait_until
from tests.support.signals import heard

COMMAND = [sys.executable, "-m", "benchmarks.compare", "--quick"]
# The others cost minutes; a measurement shows whether their results are exact.
TRIED = {"streams", "segue"}


@pytest.fixture(scope="module")
def ratios(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("benchmark") / "history.jsonl"


@pytest.fixture(scope="module")
def found(ratios: Path) -> Report:
    if (reason := missing()) is not None:
        pytest.skip(reason)
    options = ["--brokers", "apache", "--contenders", *sorted(TRIED), "--json", "--history", str(ratios)]
    done = subprocess.run([*COMMAND, *options], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return from_json(done.stdout)


def test_every_contender_reaches_the_independently_computed_result(found: Report) -> None:
    assert {run.contender for run in found.throughput if run.broker == "apache"} == TRIED
    assert [run for run in found.throughput if not run.faults.exact] == []


def test_every_run_has_used_cpu_and_memory_and_taken_time(found: Report) -> None:
    for run in found.throughput:
        numbers = (run.transactions_per_second, run.cpu_worker, run.cpu_postgres, run.memory, run.start, run.wal)
        assert min(numbers) > 0, run


def test_segue_and_kafka_streams_lose_and_double_nothing_when_they_are_killed(found: Report) -> None:
    exact = {kill.contender: kill.faults.exact for kill in found.kills}
    assert set(exact) == TRIED
    assert exact["segue"]
    assert exact["streams"]


def test_limits_latency_and_many_customers_are_measured(found: Report) -> None:
    assert {limit.limit for limit in found.limits} == {"decode", "postgres"}
    assert {each.contender for each in found.latency} == TRIED
    assert all(0 < each.p50 <= each.p99 for each in found.latency)
    assert [each.customers for each in found.scale] == [10_000, 20_000]


def test_the_ratios_are_kept_and_the_tables_can_be_printed(found: Report, ratios: Path) -> None:
    (entry,) = history.read(ratios)
    assert "segue / streams, apache, 10,000 invoices: speed" in entry.ratios
    assert "| recovery from faults |" in markdown(found)


def test_an_interrupt_ends_all_processes_and_keeps_what_was_measured_on_the_embedded_broker(tmp_path: Path) -> None:
    log = tmp_path / "progress.txt"
    options = ["--brokers", "embedded", "--only", "throughput", "--contenders", "handwritten", "segue"]
    with log.open("w") as progress:
        process = subprocess.Popen(
            [*COMMAND, *options],
            stdout=subprocess.PIPE,
            stderr=progress,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            preexec_fn=heard,
        )
    wait_until(lambda: "round 1 of 1" in log.read_text())
    assert processes_in(tmp_path)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate()
    assert process.returncode == 130
    assert "hand-written loop" in output
    wait_until(lambda: not processes_in(tmp_path))


def processes_in(folder: Path) -> list[str]:
    """The command lines of all processes that name a folder, such as Postgres on its data."""
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(folder) in line]
