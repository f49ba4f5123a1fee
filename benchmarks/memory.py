"""Time and memory of the commands that read a large file, each in a process of its own, as a Markdown table.

    python -m benchmarks.memory [--customers 1000000] [--days 365] [--kind parquet] [--file FILE]
        [--steps generate,describe,fit,replay,explore]

The file and all temporary files are in a temporary folder; set ``TMPDIR`` to choose the disk. With ``--file`` an
existing file is read instead of a new one. The steps ``register``, ``send`` and ``reconcile`` fit a model for a running
stack, replay the file into it and compare the result, so they are left out unless they are named. A row is printed as
soon as it is known.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

STEPS = ("generate", "describe", "fit", "replay", "explore")
HEAD = "| command | wall clock | CPU | peak memory | temporary files |\n|---|---:|---:|---:|---:|\n"
_POLL_SECONDS = 0.5


class Cost(NamedTuple):
    """Wall clock and CPU in seconds, the peak of resident memory and of temporary files in bytes."""

    seconds: float
    cpu: float
    memory: int
    disk: int


def commands(file: Path, folder: Path, customers: int, days: int) -> dict[str, list[str]]:
    """The arguments of ``segue`` for each step."""
    size = ["--customers", str(customers), "--days", str(days)]
    return {
        "generate": ["data", "generate", str(file), *size],
        "describe": ["data", "describe", str(file), "--json"],
        "fit": ["fit", str(file), "--dry-run"],
        "replay": ["replay", str(file), "--dry-run"],
        "explore": ["explore", str(file), "-o", str(folder / "report.html")],
        "register": ["fit", str(file)],
        "send": ["replay", str(file), "--speed", "max"],
        "reconcile": ["reconcile", str(file)],
    }


def measured(arguments: list[str], folder: Path) -> Cost:
    """Run a command of Segue, with its temporary files in a folder of its own.

    Raises
    ------
    SystemExit
        If the command fails.
    """
    with tempfile.TemporaryDirectory(dir=folder) as temporary, _watched(Path(temporary)) as sizes:
        began = time.perf_counter()
        command = [sys.executable, "-m", "segue", *arguments]
        process = subprocess.Popen(command, env=os.environ | {"TMPDIR": temporary}, stdout=subprocess.DEVNULL)
        # The usage of this process alone; resource.RUSAGE_CHILDREN is that of all steps so far.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(f"segue {' '.join(arguments)} ended with exit code {process.returncode}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, max(sizes))


@contextmanager
def _watched(folder: Path) -> Iterator[list[int]]:
    """The sizes of a folder, in bytes, again and again while the block runs."""
    sizes, ended = [0], Event()

    def look() -> None:
        while not ended.wait(_POLL_SECONDS):
            sizes.append(_size(folder))

    watcher = Thread(target=look)
    watcher.start()
    try:
        yield sizes
    finally:
        ended.set()
        watcher.join()


def _size(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        # A file may vanish while it is looked at.
        with suppress(OSError):
            size += path.stat().st_size
    return size


def row(name: str, cost: Cost) -> str:
    """A row of the table."""
    memory, disk = (f"{size / 2**20:,.0f} MiB" for size in (cost.memory, cost.disk))
    return f"| `{name}` | {cost.seconds:,.0f} s | {cost.cpu:,.0f} s | {memory} | {disk} |\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--kind", choices=("parquet", "csv", "csv.gz"), default="parquet")
    parser.add_argument("--file", type=Path, help="read this file instead of generating one")
    parser.add_argument("--steps", default=",".join(STEPS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="segue-memory-") as name:
        folder = Path(name)
        file = options.file or folder / f"shop.{options.kind}"
        known = commands(file, folder, options.customers, options.days)
        steps = [step for step in options.steps.split(",") if step != "generate" or options.file is None]
        if unknown := [step for step in steps if step not in known]:
            sys.exit(f"no such step: {', '.join(unknown)}; steps are {', '.join(known)}")
        sys.stdout.write(HEAD)
        for step in steps:
            sys.stdout.write(row(step, measured(known[step], folder)))
            sys.stdout.flush()
        sys.stdout.write(f"\nThe file has {file.stat().st_size / 2**20:,.0f} MiB.\n")


if __name__ == "__main__":
    main()
