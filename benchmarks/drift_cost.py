"""What drift observation costs: full replays at full speed, in turn without and with an observer beside the worker.

    python benchmarks/drift_cost.py [DATASET] [--rounds 3] [--broker embedded]

Prints a Markdown table and the ratio, of the medians and round by round. Broker, Postgres, worker, replay and observer
share the cores of this machine, whose number is printed: an observer with a core to itself costs less. Other work on
the machine disturbs rates, so processor seconds during the replay stand beside them: the observer's, and everybody's.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil

from data import registry
from data.database import engine
from data.dataset import Dataset
from data.drift import newest
from models.segment_model import SegmentModel
from producers.pace import Speed
from producers.replay import whole
from segue.datasets import choose, default_cutoff
from segue.demo import MAX_LAG, fit_before, wait_for_worker
from segue.replaying import session
from segue.settings import Settings
from segue.stack.stack import BrokerKind, Stack

_WAIT_SECONDS = 120


class Cost(NamedTuple):
    """Transactions per second of a full replay, and processor seconds meanwhile."""

    rate: float
    observer: float
    stack: float


def measure(dataset: Dataset, model: SegmentModel, broker: BrokerKind, observed: bool) -> Cost:
    """Replay everything, from the first transaction sent to the last one committed."""
    folder = Path(tempfile.mkdtemp(prefix="segue-drift-cost-"))
    try:
        with Stack(folder, broker) as stack:
            settings = Settings(state_dir=folder)
            postgres = engine(settings.database)
            registry.register(postgres, model)
            stack.start_workers(1)
            watcher = stack.start_drift() if observed else None
            if watcher is not None:
                # Imports are paid for before the clock starts, as those of a process that runs for weeks are.
                _wait(lambda: "drift observer starting" in watcher.log_file.read_text())
            with session(settings, MAX_LAG) as replaying:
                wait_for_worker(replaying)
                started, before = time.perf_counter(), _processor_seconds(folder)
                replaying.replay(dataset, lambda _: None).run(whole(dataset), Speed.parse("max"))
                seconds, after = time.perf_counter() - started, _processor_seconds(folder)
            used = {pid: spent - before.get(pid, 0.0) for pid, spent in after.items()}
            if watcher is not None:
                _wait(lambda: bool(newest(postgres, model.version)))
            postgres.dispose()
            observer = 0.0 if watcher is None else used[watcher.pid]
            return Cost(len(dataset.transactions) / seconds, observer, sum(used.values()))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _processor_seconds(folder: Path) -> dict[int, float]:
    """What this process and all below it have used, Postgres's included, by process."""
    found = {}
    for process in (own := psutil.Process(), *own.children(recursive=True), *_postgres(folder)):
        with contextlib.suppress(psutil.Error):
            spent = process.cpu_times()
            found[process.pid] = spent.user + spent.system
    return found


def _postgres(folder: Path) -> list[psutil.Process]:
    """The server of a state folder, which has left the process that started it, and its own processes."""
    servers = [each for each in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(each.info["cmdline"] or [])]
    return [process for server in servers for process in (server, *server.children(recursive=True))]


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the observer does not get on")
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--broker", choices=["embedded", "apache"], default="embedded")
    arguments = parser.parse_args()
    dataset = choose(arguments.dataset, Path(".segue/datasets")).dataset
    model = fit_before(dataset, default_cutoff(dataset))
    costs: dict[bool, list[Cost]] = {False: [], True: []}
    sys.stdout.write(
        f"{os.cpu_count()} cores\n\n| round | without | with | observer's processor s | all |\n|---|---|---|---|---|\n"
    )
    for number in range(arguments.rounds):
        # Who comes first takes turns: a machine gets warmer, or busier.
        for observed in (False, True) if number % 2 == 0 else (True, False):
            costs[observed].append(measure(dataset, model, arguments.broker, observed))
        without, with_observer = costs[False][-1], costs[True][-1]
        sys.stdout.write(
            f"| {number + 1} | {without.rate:,.0f}/s | {with_observer.rate:,.0f}/s | {with_observer.observer:.2f} | "
            f"{with_observer.stack:.2f} |\n"
        )
        sys.stdout.flush()
    rates = [statistics.median(cost.rate for cost in costs[observed]) for observed in (False, True)]
    ratios = [after.rate / before.rate for before, after in zip(costs[False], costs[True], strict=True)]
    shares = [cost.observer / cost.stack for cost in costs[True]]
    sys.stdout.write(
        f"\nwith / without: {rates[1] / rates[0]:.3f} of the medians, {statistics.median(ratios):.3f} round by round\n"
        f"the observer's part of all processor time: {statistics.median(shares):.3f} the median, "
        f"{max(shares):.3f} the most\n"
    )


if __name__ == "__main__":
    main()
