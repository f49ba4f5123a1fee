"""Cost of drift observation: full replays, alternately without and with a drift observer.

    python benchmarks/drift_cost.py [DATASET] [--rounds 3] [--speed max] [--broker embedded]

Prints a Markdown table of all runs, then medians and ratios by round. Broker, Postgres, worker, replay and observer
share the CPU cores of this machine; the output has their number. An observer with a core of its own costs less.

An observer runs at low priority and polls every two seconds. At full speed, much of its work remains when the last
transaction is committed. Rates are therefore measured until the last commit, and CPU seconds until the observer has
saved its last window. With a ``--speed`` that the observer can follow, both end at the same time.
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
from sqlalchemy import Engine, func, select

from batch.fit_dataset import fit_before
from data.datasets.dataset import Dataset
from data.datasets.selection import choose, default_cutoff
from data.postgres import model_registry, roles
from data.postgres.database import engine
from data.postgres.drift import newest
from data.postgres.tables import drift_observations
from models.drift.windows import window_floor
from models.segment_model import SegmentModel
from models.units import from_micros, to_micros
from producers.flow_control import MAX_LAG
from producers.pace import Speed
from producers.replay import whole
from producers.replay_session import session
from runtime.settings import Settings
from segue.local.broker_kind import BrokerKind
from segue.local.demo import wait_for_worker
from segue.local.stack import Stack

_WAIT_SECONDS = 120


class Cost(NamedTuple):
    """Cost of one run.

    Parameters
    ----------
    rate
        Transactions per second until the last commit.
    lag
        Median lag of the worker during the replay, in records.
    windows, all_windows
        Days observed at the last commit, and in total.
    worker, observer, stack
        CPU seconds of the worker, of the observer and of all processes, each with its Postgres sessions.
    """

    rate: float
    lag: float
    windows: int
    all_windows: int
    worker: float
    observer: float
    stack: float


def measure(dataset: Dataset, model: SegmentModel, broker: BrokerKind, speed: Speed, observed: bool) -> Cost:
    """Replay the dataset until the last commit, then wait until the last day is observed."""
    folder = Path(tempfile.mkdtemp(prefix="segue-drift-cost-"))
    try:
        with Stack(folder, broker) as stack:
            settings = Settings(state_dir=folder)
            postgres = engine(settings.database)
            model_registry.register(postgres, model)
            stack.start_workers(1)
            watcher = stack.start_drift() if observed else None
            if watcher is not None:
                # Imports are excluded, because a long-running process does them once.
                _wait(lambda: "drift observer starting" in watcher.log_file.read_text())
            lags: list[int] = []
            with session(settings, MAX_LAG) as replaying:
                wait_for_worker(replaying)
                started, before = time.perf_counter(), _cpu_seconds(folder)
                replaying.replay(dataset, lambda state: lags.append(state.lag)).run(whole(dataset), speed)
                seconds = time.perf_counter() - started
            windows = _windows(postgres)
            if watcher is not None:
                last = from_micros(window_floor(to_micros(dataset.report.last)))
                _wait(lambda: any(row.window_end == last for row in newest(postgres, model.version)))
            used = _used(before, _cpu_seconds(folder))
            (worker,) = stack.workers
            cost = Cost(
                rate=len(dataset.transactions) / seconds,
                lag=statistics.median(lags),
                windows=windows,
                all_windows=_windows(postgres),
                worker=_of(used, worker.pid, roles.WORKER),
                observer=0.0 if watcher is None else _of(used, watcher.pid, roles.DRIFT),
                stack=sum(used.values()),
            )
            postgres.dispose()
            return cost
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _windows(postgres: Engine) -> int:
    with postgres.connect() as connection:
        return connection.execute(select(func.count(drift_observations.c.window_end.distinct()))).scalar_one()


def _cpu_seconds(folder: Path) -> dict[tuple[int, str], float]:
    """CPU seconds of this process, its descendants and Postgres, by process id and command."""
    found = {}
    for process in (own := psutil.Process(), *own.children(recursive=True), *_postgres(folder)):
        with contextlib.suppress(psutil.Error):
            spent = process.cpu_times()
            found[process.pid, " ".join(process.cmdline())] = spent.user + spent.system
    return found


def _used(before: dict[tuple[int, str], float], after: dict[tuple[int, str], float]) -> dict[tuple[int, str], float]:
    """CPU seconds between two measurements, matched by process id, because Postgres sessions change their command."""
    earlier = {pid: spent for (pid, _), spent in before.items()}
    return {(pid, command): spent - earlier.get(pid, 0.0) for (pid, command), spent in after.items()}


def _of(used: dict[tuple[int, str], float], pid: int, role: roles.Role) -> float:
    """CPU seconds of a process and its Postgres sessions, which have the user name in their command."""
    sessions = f"postgres: {role}_login "
    return sum(spent for (number, command), spent in used.items() if number == pid or command.startswith(sessions))


def _postgres(folder: Path) -> list[psutil.Process]:
    """The Postgres server of a state folder, which is not a child of this process, and its processes."""
    servers = [each for each in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(each.info["cmdline"] or [])]
    return [process for server in servers for process in (server, *server.children(recursive=True))]


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the observer makes no progress")
        time.sleep(0.05)


def row(number: int, observed: bool, cost: Cost) -> str:
    """One run as a row of the table."""
    windows = f"{cost.windows} of {cost.all_windows}" if observed else "—"
    return (
        f"| {number} | {'with' if observed else 'without'} | {cost.rate:,.0f}/s | {cost.lag:,.0f} | {windows} | "
        f"{cost.worker:.2f} | {cost.observer:.2f} | {cost.stack:.2f} |"
    )


def summary(without: list[Cost], with_observer: list[Cost]) -> str:
    """Medians, and ratios by round."""
    lines = []
    for name in ("rate", "lag", "worker", "stack"):
        before, after = ([getattr(cost, name) for cost in costs] for costs in (without, with_observer))
        ratios = [late / early for early, late in zip(before, after, strict=True) if early]
        by_round = f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})" if ratios else "—"
        lines.append(
            f"{name}: {statistics.median(before):,.2f} without, {statistics.median(after):,.2f} with; "
            f"with / without by round: {by_round}"
        )
    shares = [cost.observer / cost.stack for cost in with_observer]
    lines.append(f"the observer's share of all CPU time: {statistics.median(shares):.3f} ({max(shares):.3f})")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--speed", type=Speed.parse, default=Speed.parse("max"), help="max, or such as 36d/s")
    parser.add_argument("--broker", choices=["embedded", "apache"], default="embedded")
    arguments = parser.parse_args()
    dataset = choose(arguments.dataset, Path(".segue/datasets")).dataset
    model = fit_before(dataset, default_cutoff(dataset))
    costs: dict[bool, list[Cost]] = {False: [], True: []}
    sys.stdout.write(
        f"{os.cpu_count()} cores, speed {arguments.speed}; CPU seconds of each process and of all\n\n"
        "| round | observer | rate | lag | days at the last commit | worker | observer | all |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    for number in range(arguments.rounds):
        # The order alternates, because the speed of a machine drifts during a benchmark.
        for observed in (False, True) if number % 2 == 0 else (True, False):
            cost = measure(dataset, model, arguments.broker, arguments.speed, observed)
            costs[observed].append(cost)
            sys.stdout.write(f"{row(number + 1, observed, cost)}\n")
            sys.stdout.flush()
    sys.stdout.write(f"\n{summary(costs[False], costs[True])}\n")


if __name__ == "__main__":
    main()
