"""What a rate needs, from what a transaction costs."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.capacity import Assumptions, Cost, carried, cost, markdown, plan
from runtime.errors import SegueError
from tests.support.benchmark_reports import a_run, report

EACH = Cost(worker=25.0, postgres=20.0, broker=5.0, wal=1_000.0, stored=500.0, changes=1.1)
ASSUMED = Assumptions(use=0.5, cores=16, wal=100e6, disk=1e12)


def test_the_costs_are_those_of_segue_with_the_most_changes_on_apache_kafka() -> None:
    runs = [
        a_run("segue", 1.0, cpu_worker=20.0, changes=0.3, invoices=500_000),
        a_run("segue", 1.0, cpu_worker=30.0, changes=1.1),
        a_run("segue", 1.0, cpu_worker=40.0, changes=1.2, broker="embedded"),
        a_run("handwritten", 1.0, cpu_worker=50.0, changes=1.3),
    ]
    assert cost(report(runs)).worker == 30.0


def test_a_report_without_segue_is_refused() -> None:
    with pytest.raises(SegueError, match="no run of Segue"):
        cost(report([a_run("faust", 1.0)]))


def test_a_rate_needs_as_many_workers_as_their_cpu_says_and_twice_as_many_partitions() -> None:
    found = plan(EACH, 100_000, ASSUMED)
    # 100,000 x 25 us are 2.5 cores, planned at half of each.
    assert (found.workers, found.partitions) == (5, 10)


def test_a_small_rate_needs_one_worker_and_the_usual_partitions() -> None:
    found = plan(EACH, 1_000, ASSUMED)
    assert (found.workers, found.partitions, found.servers) == (1, 4, 1)


@pytest.mark.parametrize(("wal", "servers"), [(1_000.0, 10), (100.0, 3)])
def test_cpu_or_the_write_ahead_log_decides_how_many_postgres_servers_there_are(wal: float, servers: int) -> None:
    assert plan(EACH._replace(wal=wal), 1_000_000, ASSUMED).servers == servers


def test_the_disk_lasts_as_long_as_the_growth_of_a_day_fits() -> None:
    found = plan(EACH, 100_000, ASSUMED)
    assert found.stored_a_day == 100_000 * 500 * 86_400
    assert found.days_on_disk == pytest.approx(found.servers * 1e12 / found.stored_a_day)


def test_what_breaks_first_is_listed_first() -> None:
    rates = [each.rate for each in carried(EACH, ASSUMED)]
    assert rates == sorted(rates)
    assert len(rates) == 4


def test_twice_the_rate_needs_twice_of_everything_that_is_not_rounded() -> None:
    once, twice = plan(EACH, 100_000, ASSUMED), plan(EACH, 200_000, ASSUMED)
    for name in ("broker_cores", "kafka_bytes", "postgres_cores", "wal", "stored_a_day"):
        assert getattr(twice, name) == pytest.approx(2 * getattr(once, name))


def test_the_command_prints_the_tables_of_a_report(tmp_path: Path) -> None:
    found = report([a_run("segue", 1.0)])
    file = tmp_path / "bench.json"
    file.write_bytes(found.json())
    command = [sys.executable, "-m", "benchmarks.capacity", str(file), "--rates", "1000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    each = cost(found)
    assert done.stdout == markdown(each, [plan(each, 1_000, Assumptions())], carried(each, Assumptions()))


def test_a_file_that_is_no_report_is_named(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text("[]")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.capacity", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {file} is not the --json output of a benchmark")
