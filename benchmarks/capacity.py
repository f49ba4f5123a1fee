"""What a stream of any size needs, from measured costs: ``python -m benchmarks.capacity bench.json``.

The file is an output of ``python -m benchmarks.compare --json``. Prints the Markdown tables of docs/capacity.md: the
measured costs of a transaction, what follows from them at each rate, and what one of each thing carries. The
assumptions are options.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.compare.medians import lines
from benchmarks.compare.results import Report, Throughput, from_json
from runtime.errors import SegueError

_RECORD_BYTES = 1_100
_SECONDS_A_DAY = 86_400
_FEWEST_PARTITIONS = 4


class Cost(NamedTuple):
    """What one transaction costs: CPU in microseconds, and bytes."""

    worker: float
    postgres: float
    broker: float
    wal: float
    stored: float
    changes: float
    record: float = _RECORD_BYTES


class Assumptions(NamedTuple):
    """What a plan assumes.

    Attributes
    ----------
    use
        The share of a core that is planned for; the rest is for peaks, for catching up and for a lost worker.
    cores, wal, disk
        Of one Postgres server: its cores, bytes a second of its write-ahead log, and bytes of its disk.
    """

    use: float = 0.5
    cores: int = 16
    wal: float = 200e6
    disk: float = 10e12


class Plan(NamedTuple):
    """What a rate of transactions a second needs."""

    rate: int
    workers: int
    partitions: int
    broker_cores: float
    kafka_bytes: float
    postgres_cores: float
    wal: float
    servers: int
    stored_a_day: float
    days_on_disk: float


class Carried(NamedTuple):
    """How many transactions a second one thing carries."""

    what: str
    rate: float
    how: str


def cost(report: Report) -> Cost:
    """The costs of Segue on the log with the most changes a transaction, on Apache Kafka if that was measured.

    A change costs more than anything else, and a longer log of the same customers has fewer of them.

    Raises
    ------
    SegueError
        If the report has no run of Segue.
    """
    own: dict[tuple[bool, float], Throughput] = {
        (key.broker == "apache", line.changes): line for key, line in lines(report).items() if key.contender == "segue"
    }
    if not own:
        raise SegueError("the benchmark has no run of Segue: measure with --only throughput --contenders segue")
    line = own[max(own)]
    return Cost(line.cpu_worker, line.cpu_postgres, line.cpu_broker, line.wal, line.stored, line.changes)


def plan(each: Cost, rate: int, assumed: Assumptions) -> Plan:
    """What a rate needs. A worker computes on one core; its partitions can be divided if another one is lost."""
    workers = math.ceil(rate * each.worker / 1e6 / assumed.use)
    cores = rate * each.postgres / 1e6 / assumed.use
    servers = max(math.ceil(cores / assumed.cores), math.ceil(rate * each.wal / assumed.wal))
    stored = rate * each.stored * _SECONDS_A_DAY
    return Plan(
        rate=rate,
        workers=workers,
        partitions=max(2 * workers, _FEWEST_PARTITIONS),
        broker_cores=rate * each.broker / 1e6 / assumed.use,
        kafka_bytes=rate * each.record,
        postgres_cores=cores,
        wal=rate * each.wal,
        servers=servers,
        stored_a_day=stored,
        days_on_disk=servers * assumed.disk / stored,
    )


def carried(each: Cost, assumed: Assumptions) -> list[Carried]:
    """What one of each thing carries, the weakest first."""
    use, month = assumed.use, 30 * _SECONDS_A_DAY
    found = [
        Carried("a worker", use * 1e6 / each.worker, f"{use:g} x 1,000,000 us / {each.worker:.1f} us"),
        Carried(
            f"CPU of a Postgres server with {assumed.cores} cores",
            assumed.cores * use * 1e6 / each.postgres,
            f"{assumed.cores} x {use:g} x 1,000,000 us / {each.postgres:.1f} us",
        ),
        Carried(
            f"write-ahead log of a Postgres server at {assumed.wal / 1e6:,.0f} MB/s",
            assumed.wal / each.wal,
            f"{assumed.wal:,.0f} bytes / {each.wal:,.0f} bytes",
        ),
        Carried(
            f"{assumed.disk / 1e12:g} TB of disk, for 30 days of transactions",
            assumed.disk / each.stored / month,
            f"{assumed.disk / 1e12:g} TB / {each.stored:,.0f} bytes / {month:,} s",
        ),
    ]
    return sorted(found, key=lambda one: one.rate)


def markdown(each: Cost, plans: list[Plan], limits: list[Carried]) -> str:
    """The three tables."""
    return "\n\n".join(["\n".join(table) for table in (_costs(each), _plans(plans), _limits(limits))]) + "\n"


def _costs(each: Cost) -> Iterator[str]:
    yield "| one transaction costs | |"
    yield "|---|---:|"
    yield f"| CPU of the worker | {each.worker:.1f} us |"
    yield f"| CPU of Postgres | {each.postgres:.1f} us |"
    yield f"| CPU of the broker | {each.broker:.1f} us |"
    yield f"| write-ahead log of Postgres | {each.wal:,.0f} bytes |"
    yield f"| growth of Postgres | {each.stored:,.0f} bytes |"
    yield f"| segment changes | {each.changes:.2f} |"
    yield f"| record before compression | {each.record:,.0f} bytes |"


def _plans(plans: list[Plan]) -> Iterator[str]:
    yield f"| | {' | '.join(f'{each.rate:,}/s' for each in plans)} |"
    yield f"|---|{'---:|' * len(plans)}"
    for what, values in {
        "workers, one core each": [f"{each.workers:,}" for each in plans],
        "partitions, two a worker": [f"{each.partitions:,}" for each in plans],
        "cores of all brokers, without replicas": [_number(each.broker_cores) for each in plans],
        "into Kafka, before compression": [_size(each.kafka_bytes) + "/s" for each in plans],
        "cores of Postgres": [_number(each.postgres_cores) for each in plans],
        "write-ahead log": [_size(each.wal) + "/s" for each in plans],
        "Postgres servers": [f"{each.servers:,}" for each in plans],
        "growth of Postgres a day": [_size(each.stored_a_day) for each in plans],
        "days until the disks of these servers are full": [_number(each.days_on_disk) for each in plans],
    }.items():
        yield f"| {what} | {' | '.join(values)} |"


def _limits(limits: list[Carried]) -> Iterator[str]:
    yield "| one of these carries | transactions/s | arithmetic |"
    yield "|---|---:|---|"
    for each in limits:
        yield f"| {each.what} | {each.rate:,.0f} | {each.how} |"


def _number(value: float) -> str:
    return f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def _size(count: float) -> str:
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= factor:
            return f"{_number(count / factor)} {unit}"
    return f"{count:,.0f} bytes"


def main() -> None:
    """Read a benchmark's output and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="output of python -m benchmarks.compare --json")
    parser.add_argument("--rates", nargs="+", type=int, default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--use", type=float, default=0.5, help="share of a core that is planned for")
    parser.add_argument("--cores", type=int, default=16, help="of one Postgres server")
    parser.add_argument("--wal", type=float, default=200.0, help="MB/s that one Postgres server can log")
    parser.add_argument("--disk", type=float, default=10.0, help="TB of one Postgres server")
    chosen = parser.parse_args()
    assumed = Assumptions(chosen.use, chosen.cores, chosen.wal * 1e6, chosen.disk * 1e12)
    try:
        each = cost(from_json(chosen.file.read_bytes()))
    except (OSError, msgspec.MsgspecError) as error:
        raise SystemExit(f"error: {chosen.file} is not the --json output of a benchmark: {error}") from None
    except SegueError as error:
        raise SystemExit(f"error: {error}") from None
    plans = [plan(each, rate, assumed) for rate in chosen.rates]
    sys.stdout.write(markdown(each, plans, carried(each, assumed)))


if __name__ == "__main__":
    main()
