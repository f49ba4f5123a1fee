"""What can't be beaten: reading and decoding without anything else, and Postgres without anything else.

``python -m benchmarks.compare.programs.limits decode|postgres JOB`` prints one JSON line with transactions, seconds and
the process's CPU seconds.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from benchmarks.compare.programs import plain_tables
from benchmarks.compare.programs.handwritten import BATCH, consumer_of, decoded
from benchmarks.compare.programs.job import Job
from benchmarks.compare.programs.profiles import Invoice, Profiles

_WAIT_SECONDS = 0.05
_SECONDS = 60.0


class Limit(msgspec.Struct, frozen=True):
    """What a program did at most."""

    transactions: int
    seconds: float
    cpu_seconds: float


def decode(job: Job) -> Limit:
    """Read the whole topic and decode it."""
    batches = _batches(job)
    began, cpu = time.perf_counter(), time.process_time()
    count = sum(len(batch) for batch in batches)
    return Limit(count, time.perf_counter() - began, time.process_time() - cpu)


def postgres(job: Job) -> Limit:
    """Write what the hand-written loop writes, from rows that are ready."""
    connection = plain_tables.connect(job.database)
    profiles = Profiles(job.model, {})
    count, seconds, cpu = 0, 0.0, 0.0
    for batch in _batches(job):
        touched, changes = profiles.apply(batch)
        began, used = time.perf_counter(), time.process_time()
        plain_tables.save(connection, touched, changes, len(batch))
        seconds += time.perf_counter() - began
        cpu += time.process_time() - used
        count += len(batch)
    return Limit(count, seconds, cpu)


def _batches(job: Job) -> Iterator[list[Invoice]]:
    """All invoices of the topic, without the time that joining a consumer group takes."""
    consumer = consumer_of(job)
    consumer.unsubscribe()
    places = [TopicPartition(job.topic, partition, OFFSET_BEGINNING) for partition in range(job.partitions)]
    total = sum(consumer.get_watermark_offsets(place, timeout=_SECONDS)[1] for place in places)
    consumer.assign(places)
    while total > 0:
        batch = decoded(consumer.consume(BATCH, _WAIT_SECONDS))
        total -= len(batch)
        if batch:
            yield batch
    consumer.close()


def main() -> None:
    """Run one of the limits and print what it did."""
    job = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=Job)
    found = decode(job) if sys.argv[1] == "decode" else postgres(job)
    sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")


if __name__ == "__main__":
    main()
