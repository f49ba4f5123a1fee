"""Medians over the rounds of a benchmark."""

from statistics import median
from typing import NamedTuple, TypeVar

import msgspec

from benchmarks.compare.results import Replay, Report, Scale, Throughput

_Run = TypeVar("_Run", Throughput, Scale, Replay)


class Key(NamedTuple):
    """What one line of a table is about."""

    broker: str
    invoices: int
    contender: str


def lines(report: Report) -> dict[Key, Throughput]:
    """The medians of all throughput runs, with the faults of a run whose result was wrong, if there is one."""
    runs: dict[Key, list[Throughput]] = {}
    for run in report.throughput:
        runs.setdefault(Key(run.broker, run.invoices, run.contender), []).append(run)
    found = {}
    for key, own in runs.items():
        faults = next((run.faults for run in own if not run.faults.exact), own[0].faults)
        found[key] = msgspec.structs.replace(_medians(own), faults=faults)
    return found


def scales(report: Report) -> list[Scale]:
    """The medians of all runs with many customers, by the number of customers."""
    runs: dict[int, list[Scale]] = {}
    for each in report.scale:
        runs.setdefault(each.customers, []).append(each)
    return [_medians(runs[customers]) for customers in sorted(runs)]


def replays(report: Report) -> list[Replay]:
    """The medians of all replays, by broker, with the most differences of any of them."""
    runs: dict[str, list[Replay]] = {}
    for each in report.replays:
        runs.setdefault(each.broker, []).append(each)
    return [
        msgspec.structs.replace(_medians(own), differences=max(run.differences for run in own))
        for _, own in sorted(runs.items())
    ]


def _medians(runs: list[_Run]) -> _Run:
    """The first run, with the median of all of them for every number that was measured."""
    measured = [field.name for field in msgspec.structs.fields(runs[0]) if field.type is float]
    return msgspec.structs.replace(runs[0], **{name: median(getattr(run, name) for run in runs) for name in measured})
