"""How fast a contender applies a log that is already there, and whether the result is exact."""

import subprocess
import sys
import time
from typing import Literal, NamedTuple

import msgspec
import psycopg

from benchmarks.compare.contenders import PLAIN, Contender, Place, job
from benchmarks.compare.expected import Expected
from benchmarks.compare.programs.limits import Limit as Measured
from benchmarks.compare.results import Limit, Throughput
from benchmarks.compare.run import PATIENCE, Run, last_words
from benchmarks.compare.servers import BenchmarkError, Servers
from benchmarks.compare.usage import Cpu
from benchmarks.compare.verify import events, faults

_WAL = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
_STORED = "SELECT pg_database_size(current_database())"


class Sample(NamedTuple):
    """A moment of a run: seconds since 1970, transactions committed so far, and CPU seconds."""

    at: float
    applied: int
    cpu: Cpu


def measure(contender: Contender, servers: Servers, topic: str, invoices: int, expected: Expected) -> Throughput:
    """Apply a full log once.

    The rate is that from the first commit to the last one, or to the last published event if that is later: start-up
    is a number of its own. Only if the first commit has more than half of all transactions, the rate is that from the
    start of the process.
    """
    with Run(contender, servers, topic) as run:
        wal, stored = run.ask(_WAL), run.ask(_STORED)
        before = Sample(time.time(), 0, run.cpu_before())
        run.start()
        run.wait(lambda: run.applied() > 0)
        first = Sample(time.time(), run.applied(), run.cpu())
        run.wait(lambda: run.applied() >= invoices)
        applied_at = time.time()
        run.wait(lambda: not run.unpublished())
        cpu, memory = run.cpu(), run.memory()
        wal, stored = run.ask(_WAL) - wal, run.ask(_STORED) - stored
        run.stop()
        published = events(run.place) if contender.publishes else None
        found = faults(contender, run.place, expected, published)
    begin = before if first.applied > invoices / 2 else first
    seconds = max(applied_at, published.last if published else 0.0) - begin.at
    count = invoices - begin.applied
    used = cpu.since(begin.cpu).each(count)
    return Throughput(
        contender=contender.name,
        broker=servers.kind,
        invoices=invoices,
        transactions_per_second=count / seconds,
        cpu_worker=used.worker,
        cpu_postgres=used.postgres,
        cpu_broker=used.broker,
        memory=memory,
        start=first.at - before.at,
        changes=len(expected.changes) / invoices,
        wal=wal / invoices,
        stored=stored / invoices,
        faults=found,
    )


def limit(kind: Literal["decode", "postgres"], servers: Servers, topic: str) -> Limit:
    """Run one of the limits on a full log.

    Raises
    ------
    BenchmarkError
        If it fails.
    """
    own = servers.folder / "runs" / servers.name(kind)
    own.mkdir(parents=True)
    place = Place(servers, servers.database(of_segue=False), topic, "", servers.name("group"), own)
    try:
        with psycopg.connect(place.database) as connection:
            connection.execute(PLAIN.create)
        command = [sys.executable, "-m", "benchmarks.compare.programs.limits", kind, str(job(place, publishes=False))]
        done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"the limit {kind} takes longer than {PATIENCE:g} s") from None
    finally:
        servers.drop(place.database)
    if done.returncode:
        raise BenchmarkError(f"the limit {kind} failed{last_words(done.stderr.decode(errors='replace'))}")
    found = msgspec.json.decode(done.stdout, type=Measured)
    return Limit(
        kind,
        servers.kind,
        found.transactions,
        found.transactions / found.seconds,
        1e6 * found.cpu_seconds / found.transactions,
    )
