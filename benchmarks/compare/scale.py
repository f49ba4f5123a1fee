"""Segue with many customers: the cost of a transaction and of a tick that moves none, and the start of a worker."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import median

import psycopg

from benchmarks.compare.contenders import BY_NAME
from benchmarks.compare.model import the_model
from benchmarks.compare.results import Scale
from benchmarks.compare.run import Run, topic
from benchmarks.compare.servers import PARTITIONS, Servers
from benchmarks.compare.workload import BEGIN, Workload, customer_id, messages, tick
from data.kafka.partitioner import partition_of
from data.kafka.record_writer import RecordWriter

#: How many of the customers have invoices.
BUYERS = 10_000
_TICKS = 40
_TICK_POLL_SECONDS = 0.001
_PAUSE_SECONDS = 0.2
# Before the first invoice, so that no customer is due.
_FIRST_TICK = BEGIN - timedelta(days=300)

_CUSTOMERS = """
COPY customers (customer_id, partition, country, first_purchase_at, last_purchase_at, last_event_at, frequency, gross,
  returned, segment, segment_since, sequence, model_version, next_change_at, next_segment) FROM STDIN
"""
_LEDGER = """
INSERT INTO transactions (customer_id, transaction_id, occurred_at, kind, amount, country)
SELECT customer_id, 'before', last_purchase_at, 'sale', gross, country FROM customers
"""
# What is published already has no positions in the outbox that new changes could get.
_CHANGES = """
INSERT INTO segment_changes (customer_id, sequence, partition, position, to_segment, cause, effective_at, recency_days,
  frequency, monetary, gross, returned, model_version, transaction_id)
SELECT customer_id, 1, partition, -row_number() OVER (), segment, 'first_purchase', last_purchase_at, 0, 1, gross,
  gross, 0, model_version, 'before' FROM customers
"""
_WATERMARK = "SELECT min(event_time) FROM stream_progress HAVING count(event_time) = %s"


def measure(servers: Servers, customers: int, invoices: int) -> Scale:
    """Fill a database with customers, then apply invoices of 10,000 of them, then ticks."""
    workload = Workload(invoices, min(BUYERS, customers), max(customers // BUYERS, 1))
    file = servers.folder / "known-customers.ndjson"
    workload.write(file)
    database = servers.database(of_segue=True)
    try:
        _fill(database, customers)
        with topic(servers) as log:
            servers.fill(log, messages(file))
            with Run(BY_NAME["segue"], servers, log, database) as run:
                return _measure(run, customers, invoices)
    finally:
        file.unlink()
        servers.drop(database)


def _measure(run: Run, customers: int, invoices: int) -> Scale:
    run.start()
    run.wait(lambda: run.applied() > 0)
    start, began = time.time() - run.started, time.time()
    first, cpu = run.applied(), run.cpu()
    run.wait(lambda: run.applied() >= invoices)
    seconds, used = time.time() - began, run.cpu().since(cpu)
    run.wait(lambda: not run.unpublished())
    ticks, tick_postgres = _ticks(run)
    found = Scale(
        customers=customers,
        broker=run.place.servers.kind,
        transactions_per_second=(invoices - first) / seconds,
        cpu=1e6 * (used.worker + used.postgres) / (invoices - first),
        start=start,
        tick=ticks,
        tick_postgres=tick_postgres,
        memory=run.memory(),
    )
    run.stop()
    return found


def _ticks(run: Run) -> tuple[float, float]:
    """Milliseconds of a tick, and of CPU in Postgres for it. The second is taken while nobody asks for progress."""
    servers = run.place.servers
    writer = RecordWriter(servers.brokers, {"linger.ms": 0, "log_level": 2})
    with psycopg.connect(run.place.database, autocommit=True) as connection:
        moments = iter(_FIRST_TICK + timedelta(hours=number) for number in range(2 * _TICKS))
        milliseconds = []
        for _ in range(_TICKS):
            at, began = next(moments), time.monotonic()
            _send(writer, run.place.topic, at)
            run.wait(lambda at=at: _reached(connection, at), _TICK_POLL_SECONDS)  # type: ignore[misc]
            milliseconds.append(1_000 * (time.monotonic() - began))
        before = run.cpu()
        for at in moments:
            _send(writer, run.place.topic, at)
            time.sleep(_PAUSE_SECONDS)
        run.wait(lambda: _reached(connection, at))
        used = run.cpu().since(before)
    return median(milliseconds), 1_000 * used.postgres / _TICKS


def _send(writer: RecordWriter, topic: str, at: datetime) -> None:
    for partition in range(PARTITIONS):
        writer.write(topic, tick(at).value, None, partition=partition)
    writer.flush()


def _reached(connection: psycopg.Connection, at: datetime) -> bool:
    row = connection.execute(_WATERMARK, [PARTITIONS]).fetchone()
    return row is not None and row[0] is not None and row[0] >= at


def _fill(database: str, customers: int) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        with connection.cursor() as cursor, cursor.copy(_CUSTOMERS) as copy:
            for block in _rows(customers):
                copy.write(block)
        connection.execute(_LEDGER)
        connection.execute(_CHANGES)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def _rows(customers: int) -> Iterator[str]:
    """Customers who bought once, before the invoices, and whom time alone does not move for long."""
    model = the_model().version
    for number in range(customers):
        name = customer_id(number)
        yield (
            f"{name}\t{partition_of(name, PARTITIONS)}\tFrance\t2023-12-01Z\t2023-12-01Z\t2023-12-01Z\t1\t10\t0\t"
            f"promising\t2023-12-01Z\t1\t{model}\t2100-01-01Z\tlost\n"
        )
