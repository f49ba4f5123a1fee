"""The ratios of earlier benchmarks, one JSON line each, so that a change shows what it made faster or slower.

Ratios are compared, not rates: they depend far less on the machine and on what else it does.
"""

from pathlib import Path

import msgspec

from benchmarks.compare.goals import ratios
from benchmarks.compare.results import Machine, Report
from runtime.errors import SegueError


class Entry(msgspec.Struct, frozen=True):
    """The ratios of one benchmark by name, and where they are from."""

    at: str
    commit: str
    command: str
    machine: Machine
    rounds: int
    ratios: dict[str, float]


class Compared(msgspec.Struct, frozen=True):
    """A ratio now, and the last one before; ``before`` and ``commit`` are None if there is none."""

    name: str
    before: float | None
    now: float
    commit: str | None


def read(file: Path) -> list[Entry]:
    """All entries of a file, the oldest first; none if the file does not exist.

    Raises
    ------
    SegueError
        If a line is not an entry.
    """
    if not file.exists():
        return []
    entries = []
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        try:
            entries.append(msgspec.json.decode(line, type=Entry))
        except msgspec.MsgspecError as error:
            raise SegueError(f"line {number} of {file} is not a benchmark's entry: {error}") from error
    return entries


def append(file: Path, report: Report) -> None:
    """Add a report's ratios; a report without any adds nothing."""
    found = ratios(report)
    if found:
        entry = Entry(report.at, report.commit, report.command, report.machine, report.rounds, found)
        with file.open("ab") as lines:
            lines.write(msgspec.json.encode(entry) + b"\n")


def compared(entries: list[Entry], report: Report) -> list[Compared]:
    """Each ratio of a report beside the newest earlier one of the same name."""
    return [Compared(name, *_newest(entries, name, now)) for name, now in ratios(report).items()]


def _newest(entries: list[Entry], name: str, now: float) -> tuple[float | None, float, str | None]:
    for entry in reversed(entries):
        if name in entry.ratios:
            return entry.ratios[name], now, entry.commit
    return None, now, None
