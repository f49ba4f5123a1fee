"""Speed of reading a dataset and of encoding its replay, which must both be faster than a worker.

    python -m benchmarks.replay_source [FILE]

Without a file, the benchmark uses the downloaded dataset, or synthetic data if there is none. The targets apply to
Online Retail II on an idle machine.
"""

import sys
import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from data.datasets.dataset import Dataset
from data.datasets.selection import choose
from runtime.settings import Settings

READ_SECONDS, ENCODED_PER_SECOND = 2.5, 30_000


def main() -> None:
    """Measure and print."""
    began = time.perf_counter()
    dataset = choose(Path(sys.argv[1]) if len(sys.argv) > 1 else None, Settings().datasets_dir).dataset
    read = time.perf_counter()
    _encode(dataset)
    encoded = time.perf_counter()
    count = len(dataset)
    table = Table(title=f"{dataset.name}: {count:,} transactions")
    for column in ("step", "measured", "target"):
        table.add_column(column, justify="right" if table.columns else "left")
    table.add_row("read and clean", f"{read - began:.1f} s", f"{READ_SECONDS} s")
    table.add_row("encode", f"{count / (encoded - read):,.0f}/s", f"{ENCODED_PER_SECOND:,}/s")
    Console().print(table)


def _encode(dataset: Dataset) -> None:
    encode = msgspec.json.Encoder().encode
    for transaction in dataset.wire_transactions():
        encode(transaction)


if __name__ == "__main__":
    main()
