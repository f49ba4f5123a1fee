"""Small reports of benchmarks, with numbers that a test chooses."""

import msgspec

from benchmarks.compare.results import Faults, Kill, Latency, Machine, PageTime, Replay, Report, Scale, Throughput

EXACT = Faults(0, 0, 0, 0, 0, 0, 0)
MACHINE = Machine(2, 24.0, "3.11.7", "Linux x86_64", 0.5)


def report(
    throughput: list[Throughput] | None = None,
    latency: list[Latency] | None = None,
    kills: list[Kill] | None = None,
    scale: list[Scale] | None = None,
    replays: list[Replay] | None = None,
    pages: list[PageTime] | None = None,
) -> Report:
    """A report with the given measurements."""
    return Report(
        at="2026-11-28T12:00:00+00:00",
        command="python -m benchmarks.compare",
        commit="abc1234",
        machine=MACHINE,
        rounds=3,
        throughput=throughput or [],
        latency=latency or [],
        kills=kills or [],
        scale=scale or [],
        replays=replays or [],
        pages=pages or [],
    )


def a_run(contender: str, rate: float, **changed: object) -> Throughput:
    """A run on Apache Kafka with 100,000 invoices."""
    run = Throughput(contender, "apache", 100_000, rate, 20.0, 10.0, 5.0, 150.0, 3.0, 1.0, 1_000.0, 400.0, EXACT)
    return msgspec.structs.replace(run, **changed)


def many(customers: int, **changed: object) -> Scale:
    """Segue with this many customers."""
    return msgspec.structs.replace(Scale(customers, "apache", 20_000.0, 30.0, 1.5, 10.0, 1.0, 150.0), **changed)
