"""What processes have used: CPU seconds and peak memory."""

import re
from pathlib import Path
from typing import NamedTuple, Self

import psutil


class Cpu(NamedTuple):
    """CPU seconds of the worker, of Postgres and of the broker."""

    worker: float
    postgres: float
    broker: float

    def since(self, before: Self) -> "Cpu":
        """What was used since an earlier moment."""
        return Cpu(*(now - then for now, then in zip(self, before, strict=True)))

    def each(self, count: int) -> "Cpu":
        """Microseconds for each of ``count`` transactions."""
        return Cpu(*(1e6 * seconds / count for seconds in self))


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process, of the children it has, and of those that have ended."""
    try:
        process = psutil.Process(pid)
        total = sum(process.cpu_times()[:4])
    except psutil.NoSuchProcess:
        return 0.0
    for child in process.children(recursive=True):
        try:
            total += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return float(total)


def peak_mebibytes(pid: int) -> float:
    """The largest resident memory that a process has had; 0 where the system does not say."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def postmaster(folder: Path) -> int:
    """The process id of the Postgres server on a data folder."""
    return int((folder / "postmaster.pid").read_text().splitlines()[0])
