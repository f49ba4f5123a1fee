"""What the memory of a worker in a backlog consists of: ``python -m benchmarks.worker_memory --help``.

Fills one log, and lets two workers apply all of it. The first one runs as always: its resident memory after the first
commit and the largest until the end, split into what was allocated and what is mapped from files (programs and
libraries). The second one runs under memray, which sees each allocation, also those of libraries in C: what was alive
at the moment of most, by the code that asked for it. What the first one has beyond that is kept by the allocators:
freed, and not returned to the system.
"""

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from memray import AllocationRecord, FileReader

from benchmarks.compare.contenders import BY_NAME, Contender, Place
from benchmarks.compare.run import Run, topic
from benchmarks.compare.servers import Servers, running
from benchmarks.compare.workload import Workload, messages

_CUSTOMERS = 20_000
_MEBIBYTE = 1024 * 1024
_SEGUE = BY_NAME["segue"]
#: What is smaller than this is added up in one row.
_LEAST_MEBIBYTES = 2.0


class Resident(NamedTuple):
    """Resident memory in MiB: allocated, and mapped from files."""

    allocated: float
    files: float


def resident(pid: int) -> Resident:
    """The resident memory of a process now."""
    status = Path(f"/proc/{pid}/status").read_text()

    def mebibytes(field: str) -> float:
        found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
        return int(found[1]) / 1024 if found else 0.0

    return Resident(mebibytes("RssAnon"), mebibytes("RssFile") + mebibytes("RssShmem"))


def measure(worker: Contender, servers: Servers, log: str, invoices: int) -> tuple[Resident, Resident]:
    """The resident memory of a worker after its first commit, and the largest until everything is published."""
    with Run(worker, servers, log) as run:
        run.start()
        run.wait(lambda: run.applied() > 0)
        begin = most = resident(run.pid)
        while run.applied() < invoices or run.unpublished():
            run.wait(lambda: True)
            most = max(most, resident(run.pid), key=sum)
        run.stop()
    return begin, most


def with_batches_of(batch_size: int) -> Contender:
    """A worker with a batch size."""

    def start(place: Place) -> tuple[list[str], dict[str, str]]:
        command, settings = _SEGUE.start(place)
        return command, {**settings, "SEGUE_BATCH_SIZE": str(batch_size)}

    return replace(_SEGUE, start=start)


def traced(worker: Contender, file: Path) -> Contender:
    """The same worker, whose allocations memray writes to a file."""

    def start(place: Place) -> tuple[list[str], dict[str, str]]:
        (python, *rest), settings = worker.start(place)
        options = ["--quiet", "--native", "--force", "--output", str(file)]
        return [python, "-m", "memray", "run", *options, *rest], dict(settings)

    return replace(worker, start=start)


def trace(worker: Contender, servers: Servers, log: str, invoices: int, file: Path) -> None:
    """Let a worker apply the log under memray."""
    with Run(traced(worker, file), servers, log) as run:
        run.start()
        run.wait(lambda: run.applied() >= invoices and not run.unpublished())
        run.stop()


def by_owner(file: Path) -> Counter[str]:
    """Bytes that were alive at the moment of most, by the code that asked for them."""
    with FileReader(file) as reader:
        owners: Counter[str] = Counter()
        for record in reader.get_high_watermark_allocation_records(merge_threads=True):
            owners[owner(record)] += record.size
    return owners


def owner(record: AllocationRecord) -> str:
    """The code that asked for an allocation: our function, an import, or a library's thread."""
    frames = [(function, path) for function, path, _ in record.stack_trace()]
    if any("importlib" in path for _, path in frames):
        return "imports"
    for function, path in frames:
        if found := re.search(r"(?:^|/)((?:stream_app|data|models|runtime)/[\w/]+\.py)$", path):
            return f"`{function}` in {found[1]}"
    for _, path in frames:
        if found := re.search(r"site-packages/(\w+)", path):
            return found[1]
    native = [path for _, path, _ in record.native_stack_trace()] if not frames else []
    return "librdkafka and other libraries in C" if native else "the interpreter"


def rows(owners: Counter[str]) -> Iterable[str]:
    """The owners as rows of a table, the largest ones first; small ones together."""
    small = 0.0
    for name, size in owners.most_common():
        mebibytes = size / _MEBIBYTE
        if mebibytes < _LEAST_MEBIBYTES:
            small += mebibytes
        else:
            yield f"| {name} | {mebibytes:,.0f} |"
    yield f"| all others, below {_LEAST_MEBIBYTES:.0f} MiB each | {small:,.0f} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser("python -m benchmarks.worker_memory", description=__doc__)
    parser.add_argument("--broker", choices=("apache", "embedded"), default="apache")
    parser.add_argument("--invoices", type=int, default=500_000)
    parser.add_argument("--batch-size", type=int, default=20_000)
    chosen = parser.parse_args()
    worker = with_batches_of(chosen.batch_size)
    with tempfile.TemporaryDirectory(prefix="segue-memory-") as name, running(Path(name), chosen.broker) as servers:
        file = Path(name) / "invoices.ndjson"
        Workload(chosen.invoices, _CUSTOMERS).write(file)
        with topic(servers) as log:
            servers.fill(log, messages(file))
            begin, most = measure(worker, servers, log, chosen.invoices)
            trace(worker, servers, log, chosen.invoices, Path(name) / "allocations")
        owners = by_owner(Path(name) / "allocations")
    alive = owners.total() / _MEBIBYTE
    sys.stdout.write(
        f"A worker with a backlog of {chosen.invoices:,} invoices, {chosen.broker} broker, MiB of resident memory:\n\n"
        "| | allocated | mapped from files | together |\n|---|---:|---:|---:|\n"
        f"| after the first commit | {begin.allocated:,.0f} | {begin.files:,.0f} | {sum(begin):,.0f} |\n"
        f"| the most | {most.allocated:,.0f} | {most.files:,.0f} | {sum(most):,.0f} |\n\n"
        f"Alive at the moment of most: {alive:,.0f} MiB. By the code that asked for it:\n\n| code | MiB |\n|---|---:|\n"
    )
    for line in rows(owners):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
