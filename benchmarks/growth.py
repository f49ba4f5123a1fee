"""Growth of the stores: bytes of each table and each topic after a full replay, and the worker's memory.

    python benchmarks/growth.py [DATASET] [--broker apache]

Prints a Markdown table. A table counts with its indexes. A topic counts as it is on one broker: multiply by the
replication factor. The embedded broker keeps nothing on disk, so only tables are measured with it.
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

import psutil
from sqlalchemy import Engine, text

from batch.fit_dataset import fit_before
from data.datasets.dataset import Dataset
from data.datasets.selection import choose, default_cutoff
from data.postgres import progress
from data.postgres.database import engine
from models.segment_model import SegmentModel
from producers.flow_control import MAX_LAG
from runtime.settings import Settings
from runtime.topics import Topics
from segue.local.broker_kind import BrokerKind
from segue.local.soak.run import running, wait_until

_TABLES = """
SELECT relname, pg_total_relation_size(relid), n_live_tup
FROM pg_stat_user_tables ORDER BY 2 DESC
"""
_SMALL = 64 * 1024


def tables(postgres: Engine) -> list[tuple[str, int, int]]:
    """Name, bytes and rows of each table, the largest first; empty ones are left out."""
    with postgres.connect() as connection:
        connection.execute(text("ANALYZE"))
        rows = connection.execute(text(_TABLES)).all()
    return [(row[0], row[1], row[2]) for row in rows if row[1] > _SMALL]


def topics(folder: Path, names: Topics) -> list[tuple[str, int]]:
    """Name and bytes of each topic on one broker, without the space that segments reserve for their indexes."""
    found = []
    for name in names.configuration:
        files = [file for file in folder.rglob(f"{name}-[0-9]*/*.log") if file.is_file()]
        if files:
            found.append((name, sum(file.stat().st_size for file in files)))
    return found


def worker_memory() -> int:
    """The largest resident memory of a worker that this process has started, in bytes."""
    workers = [child for child in psutil.Process().children(recursive=True) if "stream_app" in child.cmdline()]
    peaks = [re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{child.pid}/status").read_text()) for child in workers]
    return max((int(peak[1]) * 1024 for peak in peaks if peak), default=0)


def measure(dataset: Dataset, model: SegmentModel, broker: BrokerKind) -> list[tuple[str, int, int | None]]:
    """Name, bytes and rows of all stores after a full replay."""
    folder = Path(tempfile.mkdtemp(prefix="segue-benchmark-"))
    try:
        with running(folder, broker, model, 1, MAX_LAG) as run:
            run.replay(dataset)
            postgres = engine(run.settings.database)
            wait_until(lambda: not progress.unpublished(postgres), "all changes are published")
            stores: list[tuple[str, int, int | None]] = [*tables(postgres)]
            sys.stdout.write(f"worker: {worker_memory() / 2**20:,.0f} MiB of memory at most\n")
            return stores + [(name, size, None) for name, size in topics(folder / "kafka", run.settings.topics)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path, help="default: the downloaded dataset, or synthetic data")
    parser.add_argument("--broker", choices=["embedded", "apache"], default="apache")
    arguments = parser.parse_args()
    chosen = choose([arguments.dataset] if arguments.dataset else None, Settings().datasets_dir)
    count = len(chosen.dataset.transactions)
    found = measure(chosen.dataset, fit_before(chosen.dataset, default_cutoff(chosen.dataset)), arguments.broker)
    sys.stdout.write(f"{count:,} transactions, {arguments.broker} broker\n\n")
    sys.stdout.write("| store | rows | MB | MB per million transactions |\n|---|---:|---:|---:|\n")
    for name, size, rows in found:
        per_million = size / count
        shown = "" if rows is None else f"{rows:,}"
        sys.stdout.write(f"| `{name}` | {shown} | {size / 1e6:,.1f} | {per_million:,.0f} |\n")


if __name__ == "__main__":
    main()
