"""What can't be beaten: reading and decoding without anything else, and Postgres without anything else.

``python -m benchmarks.compare.programs.limits decode|postgres JOB`` prints one JSON line with transactions, seconds and
the process's CPU seconds.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, TopicPartition

from benchmarks.compare.programs import plain_tables
from benchmarks.compare.programs.handwritten import BATCH, consumer_of, decoded
from benchmarks.compare.programs.job import Job
from benchmarks.compare.programs.profiles import Invoice, Profiles


class Limit(msgspec.Struct, frozen=True):
    """What a program did at most."""

    transactions: int
    seconds: float
    cpu_seconds: float


def decode(job: Job) -> Limit:
    """Read the whole topic and decode it."""
    consumer = consumer_of(job)
    batches = _batches(consumer, _ends(consumer, job))
    # The first batch includes joining the group.
    next(batches)
    began, cpu = time.perf_counter(), time.process_time()
    count = sum(len(batch) for batch in batches)
    found = Limit(count, time.perf_counter() - began, time.process_time() - cpu)
    consumer.close()
    return found


def postgres(job: Job) -> Limit:
    """Write what the hand-written loop writes, from rows that are ready."""
    consumer = consumer_of(job)
    connection = plain_tables.connect(job.database)
    count, seconds, cpu = 0, 0.0, 0.0
    profiles = Profiles(job.model, {})
    for batch in _batches(consumer, _ends(consumer, job)):
        touched, changes = profiles.apply(batch)
        began, used = time.perf_counter(), time.process_time()
        plain_tables.save(connection, touched, changes, len(batch))
        seconds += time.perf_counter() - began
        cpu += time.process_time() - used
        count += len(batch)
    consumer.close()
    return Limit(count, seconds, cpu)


def _ends(consumer: Consumer, job: Job) -> int:
    return sum(
        consumer.get_watermark_offsets(TopicPartition(job.topic, partition), timeout=30)[1]
        for partition in range(job.partitions)
    )


def _batches(consumer: Consumer, total: int) -> Iterator[list[Invoice]]:
    seen = 0
    while seen < total:
        batch = decoded(consumer.consume(BATCH, 0.05))
        seen += len(batch)
        if batch:
            yield batch


def main() -> None:
    """Run one of the limits and print what it did."""
    job = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=Job)
    found = decode(job) if sys.argv[1] == "decode" else postgres(job)
    sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")


if __name__ == "__main__":
    main()
