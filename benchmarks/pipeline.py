"""Which stage of a worker takes the time, for several settings in turn: ``python -m benchmarks.pipeline --help``.

Fills one log, and lets a worker with each setting apply all of it, in turn. Prints the rate, CPU a transaction, memory,
and the seconds of each stage, summed over all partitions. A worker may run from another checkout: that compares two
versions. With ``--rhythm``, every setting also has a worker whose model predicts orders, and the log has a tick a day.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

import httpx
import psycopg

from benchmarks.compare.contenders import BY_NAME, Contender, Place
from benchmarks.compare.model import the_model, the_rhythm
from benchmarks.compare.run import Run, topic
from benchmarks.compare.servers import Servers, running
from benchmarks.compare.workload import Workload, messages
from models.rhythm.carried import carrying
from models.segment_model import to_json

_CUSTOMERS = 20_000
_SEGUE = BY_NAME["segue"]
_CHANGES = "SELECT sum(change_position) FROM stream_progress"
_RISK_CHANGES = "SELECT sum(risk_position) FROM stream_progress"
_SAMPLE = re.compile(r'^segue_stage_seconds_(sum|count)\{stage="(\w+)"\} (\S+)$', re.MULTILINE)


class Setting(NamedTuple):
    """One way to run the worker; with ``rhythm``, its model predicts orders."""

    batch_size: int
    checkout: Path
    rhythm: bool = False


class Measured(NamedTuple):
    """What one run took; ``stages`` are seconds by stage, over all partitions.

    ``changes`` and ``risk_changes`` are how many of them were published for each transaction.
    """

    rate: float
    worker: float
    postgres: float
    broker: float
    memory: float
    batch: float
    changes: float
    risk_changes: float
    stages: dict[str, float]


def contender(batch_size: int, checkout: Path) -> Contender:
    """A worker of a checkout with a batch size."""

    def start(place: Place) -> tuple[list[str], dict[str, str]]:
        command, settings = _SEGUE.start(place)
        in_folder = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(checkout), *command]
        return in_folder, {**settings, "SEGUE_BATCH_SIZE": str(batch_size)}

    return replace(_SEGUE, start=start)


def measure(setting: Setting, servers: Servers, log: str, invoices: int) -> Measured:
    """Let a worker apply the whole log, and publish all changes."""
    with Run(contender(setting.batch_size, setting.checkout), servers, log) as run:
        if setting.rhythm:
            _predict(run.place.database)
        run.start()
        run.wait(lambda: run.applied() > 0)
        first, cpu, began = run.applied(), run.cpu(), time.monotonic()
        run.wait(lambda: run.applied() >= invoices and not run.unpublished())
        seconds, used = time.monotonic() - began, run.cpu().since(cpu).each(invoices - first)
        changes, risk_changes = (run.ask(query) / invoices for query in (_CHANGES, _RISK_CHANGES))
        page, memory = _metrics(run.place.folder / "log.txt"), run.memory()
        run.stop()
    # A worker of an older checkout may not measure its stages.
    stages = {stage: float(value) for kind, stage, value in _SAMPLE.findall(page) if kind == "sum"}
    batch = _value(page, "segue_batch_records_sum") / max(_value(page, "segue_batch_records_count"), 1)
    return Measured((invoices - first) / seconds, *used, memory, batch, changes, risk_changes, stages)


def _predict(database: str) -> None:
    """Let the registered model carry a rhythm model, which does not change its version."""
    spec = to_json(carrying(the_model(), the_rhythm())).decode()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE models SET spec = %s", (spec,))


def _metrics(log: Path) -> str:
    """The metrics page of a worker, whose address is in its log."""
    address = re.search(r'"address": "(http://[^"]+)"', log.read_text())
    assert address is not None  # noqa: S101 - a worker logs it first
    return httpx.get(f"{address[1]}/metrics").text


def _value(page: str, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", page, re.MULTILINE)
    return float(found[1]) if found else 0.0


def row(title: str, runs: Iterable[Measured]) -> str:
    """Medians of some runs as a row of a table."""
    runs = list(runs)
    one_digit = " | ".join(
        f"{median(getattr(run, name) for run in runs):.1f}" for name in ("worker", "postgres", "broker")
    )
    rate, memory, batch = (median(getattr(run, name) for run in runs) for name in ("rate", "memory", "batch"))
    published = " | ".join(f"{median(getattr(run, name) for run in runs):.2f}" for name in ("changes", "risk_changes"))
    stages = " ".join(f"{stage} {median(run.stages[stage] for run in runs):.1f}" for stage in runs[0].stages)
    return f"| {title} | {rate:,.0f} | {one_digit} | {memory:.0f} | {batch:,.0f} | {published} | {stages} |"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser("python -m benchmarks.pipeline", description=__doc__)
    parser.add_argument("--broker", choices=("apache", "embedded"), default="apache")
    parser.add_argument("--invoices", type=int, default=200_000)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[20_000])
    parser.add_argument("--checkouts", type=Path, nargs="+", default=[Path.cwd()])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rhythm", action="store_true", help="compare models without and with predictions")
    chosen = parser.parse_args()
    found: dict[Setting, list[Measured]] = {
        Setting(size, checkout.resolve(), rhythm): []
        for size in chosen.batch_sizes
        for checkout in chosen.checkouts
        for rhythm in (False, True)[: 1 + chosen.rhythm]
    }
    with tempfile.TemporaryDirectory(prefix="segue-pipeline-") as name, running(Path(name), chosen.broker) as servers:
        file = Path(name) / "invoices.ndjson"
        Workload(chosen.invoices, _CUSTOMERS).write(file)
        with topic(servers) as log:
            servers.fill(log, messages(file, ticks=chosen.rhythm))
            for _ in range(chosen.rounds):
                for setting, runs in found.items():
                    runs.append(measure(setting, servers, log, chosen.invoices))
                    sys.stderr.write(f"{row(_title(setting, True), runs[-1:])} load {os.getloadavg()[0]:.0f}\n")
    sys.stdout.write(
        "| batch size | transactions/s | CPU of worker, us | of Postgres | of broker | memory, MiB | records a "
    )
    sys.stdout.write("batch | changes a transaction | risk changes a transaction | seconds of stages |\n")
    sys.stdout.write("|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n")
    for setting, runs in found.items():
        sys.stdout.write(f"{row(_title(setting, len(chosen.checkouts) > 1), runs)}\n")


def _title(setting: Setting, several: bool) -> str:
    """A setting in words, with the name of its checkout if there are several."""
    checkout = f", {setting.checkout.name}" if several else ""
    return f"{setting.batch_size:,}{checkout}{', with predictions' if setting.rhythm else ''}"


if __name__ == "__main__":
    main()
