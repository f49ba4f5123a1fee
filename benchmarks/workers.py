"""Throughput by number of workers: full replays at maximum speed on a local Apache Kafka with 1 to 4 workers.

    python benchmarks/workers.py [DATASET] [--workers 1 2 3 4] [--broker apache]

Prints the number of CPU cores of this machine and a Markdown table. The time is measured from the first transaction
sent to the last one committed. Broker, Postgres and replay share the cores with the workers.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from batch.fit_dataset import fit_before
from batch.reconcile_stream import differences
from data.datasets.dataset import Dataset
from data.datasets.selection import choose, default_cutoff
from models.segment_model import SegmentModel
from producers.flow_control import MAX_LAG
from runtime.settings import Settings
from segue.local.broker_kind import BrokerKind
from segue.local.soak.run import running, wait_until


def measure(dataset: Dataset, model: SegmentModel, broker: BrokerKind, workers: int) -> tuple[float, int]:
    """Seconds of a full replay, and the number of differences that reconciliation finds afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="segue-benchmark-"))
    try:
        with running(folder, broker, model, workers, MAX_LAG) as run:
            wait_until(lambda: run.owners() == workers, f"{workers} workers share the partitions")
            started = time.perf_counter()
            run.replay(dataset)
            seconds = time.perf_counter() - started
            return seconds, len(differences(run.settings.database, dataset))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path, help="default: the downloaded dataset, or synthetic data")
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2, 3, 4])
    parser.add_argument("--broker", choices=["embedded", "apache"], default="apache")
    arguments = parser.parse_args()
    chosen = choose(arguments.dataset, Settings().datasets_dir)
    model = fit_before(chosen.dataset, default_cutoff(chosen.dataset))
    transactions = len(chosen.dataset.transactions)
    sys.stdout.write(
        f"{transactions:,} transactions, 4 partitions, {arguments.broker} broker, {os.cpu_count()} cores\n\n"
    )
    sys.stdout.write("| workers | seconds | transactions/s | differences |\n|---:|---:|---:|---:|\n")
    for workers in arguments.workers:
        seconds, different = measure(chosen.dataset, model, arguments.broker, workers)
        sys.stdout.write(f"| {workers} | {seconds:.1f} | {transactions / seconds:,.0f} | {different} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
