"""Medians over the rounds of a benchmark, and what they are together in one line of a table."""

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

import msgspec

from benchmarks.compare.results import Report, Scale, Throughput

_SCALE_NUMBERS = ("transactions_per_second", "cpu", "start", "tick", "tick_postgres", "memory")


class Key(NamedTuple):
    """What one line is about."""

    broker: str
    invoices: int
    contender: str


class Line(NamedTuple):
    """Medians of one contender on one broker with one log; units as in :class:`Throughput`."""

    rounds: int
    transactions_per_second: float
    cpu_worker: float
    cpu_postgres: float
    cpu_broker: float
    memory: float
    start: float
    changes: float
    wal: float
    stored: float
    exact: bool

    @property
    def cpu(self) -> float:
        """CPU of worker and Postgres, in microseconds a transaction."""
        return self.cpu_worker + self.cpu_postgres


def lines(report: Report) -> dict[Key, Line]:
    """The medians of all throughput runs."""
    runs: dict[Key, list[Throughput]] = {}
    for run in report.throughput:
        runs.setdefault(Key(run.broker, run.invoices, run.contender), []).append(run)
    return {key: _line(own) for key, own in runs.items()}


def scales(report: Report) -> list[Scale]:
    """The medians of all runs with many customers, by the number of customers."""
    runs: dict[int, list[Scale]] = {}
    for each in report.scale:
        runs.setdefault(each.customers, []).append(each)
    return [_scale(runs[customers]) for customers in sorted(runs)]


def _scale(runs: list[Scale]) -> Scale:
    numbers = {name: median(getattr(run, name) for run in runs) for name in _SCALE_NUMBERS}
    return msgspec.structs.replace(runs[0], **numbers)


def _line(runs: list[Throughput]) -> Line:
    def of(values: Iterable[float]) -> float:
        return float(median(values))

    return Line(
        len(runs),
        of(run.transactions_per_second for run in runs),
        of(run.cpu_worker for run in runs),
        of(run.cpu_postgres for run in runs),
        of(run.cpu_broker for run in runs),
        of(run.memory for run in runs),
        of(run.start for run in runs),
        of(run.changes for run in runs),
        of(run.wal for run in runs),
        of(run.stored for run in runs),
        all(run.faults.exact for run in runs),
    )
