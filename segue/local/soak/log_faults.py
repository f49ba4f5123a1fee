"""Faults of the log itself: Kafka comes back with an older copy, or the topic is created again.

Each begins while the replay is held, when everything that was sent has been applied. What the log loses is known
exactly then, and is sent again, as an operator would from the source. The ledger makes it harmless.
"""

import json
import random
import shutil
import time
from collections.abc import Callable, Iterable
from typing import cast

from confluent_kafka import Message
from confluent_kafka.admin import AdminClient

from data.kafka.log import Log, UnreachableError, create_topics
from data.kafka.read_to_end import read_topic
from data.kafka.record_writer import Headers, RecordWriter
from data.postgres import log_faults, progress
from data.postgres.database import engine
from runtime.settings import Settings
from segue.local.apache.broker import ApacheBroker
from segue.local.stack import Stack

_COPY, _ENDS = "kafka-copy", "ends.json"
_HELD_SECONDS = 2.0
_CHECK_SECONDS = 0.25
_PATIENCE_SECONDS = 180.0
_GROUP = "segue-soak"


def copy_log(stack: Stack) -> None:
    """Copy what Kafka has stored, for :func:`shortened_log`."""
    settings, broker = Settings(state_dir=stack.state_dir), apache(stack)
    _wait_until_all_is_applied(settings)
    copy, ends = stack.state_dir / _COPY, _ends(settings)
    broker.stop()
    broker.copy_records(copy)
    broker.restart()
    (copy / _ENDS).write_text(json.dumps(ends))


def shortened_log(stack: Stack, rng: random.Random) -> None:
    """Kill Kafka and start it with the copy, which lacks the newest records; then send these again."""
    settings, broker, copy = Settings(state_dir=stack.state_dir), apache(stack), stack.state_dir / _COPY
    _wait_until_all_is_applied(settings)
    ends = json.loads((copy / _ENDS).read_text())
    lost = [record for record in _records(settings) if (record.offset() or 0) >= ends[record.partition() or 0]]
    everywhere = {record.partition() for record in lost} == {*range(settings.partitions)}
    assert everywhere, "the copy has all records of a partition"  # noqa: S101 - the fault would not be one there
    noticed = _noticed(settings)
    broker.kill()
    broker.restore_records(copy)
    shutil.rmtree(copy)
    broker.restart()
    _wait_until(noticed)
    _send(settings, lost)


def topic_made_anew(stack: Stack, rng: random.Random) -> None:
    """Delete the transactions topic, create it again, and send everything again."""
    settings = Settings(state_dir=stack.state_dir)
    _wait_until_all_is_applied(settings)
    records, topic, noticed = _records(settings), settings.transactions_topic, _noticed(settings)
    admin = AdminClient(settings.brokers.config)
    admin.delete_topics([topic])[topic].result()
    _wait_until(lambda: topic not in admin.list_topics(timeout=10).topics)
    create_topics(settings.brokers, settings.topics.configuration, settings.partitions)
    _send(settings, records)
    _wait_until(noticed)


def _noticed(settings: Settings) -> Callable[[], bool]:
    """Return a condition: from now on, workers have noticed a fault of the log in every partition."""
    postgres = engine(settings.database)
    known = {fault.id for fault in log_faults.faults(postgres)}

    def noticed() -> bool:
        new = {fault.partition for fault in log_faults.faults(postgres) if fault.id not in known}
        return new == {*range(settings.partitions)}

    return noticed


def _records(settings: Settings) -> list[Message]:
    return list(read_topic(settings.brokers, settings.transactions_topic, _GROUP, patience=30))


def _send(settings: Settings, records: Iterable[Message]) -> None:
    """Send records to the partitions that they came from, each partition in order."""
    writer = RecordWriter(settings.brokers)
    for record in records:
        headers = cast("Headers", record.headers() or [])
        writer.write(settings.transactions_topic, record.value(), record.key(), headers, record.partition() or 0)
    while writer.flush():
        pass


def _ends(settings: Settings) -> list[int]:
    log = Log(settings.brokers, settings.transactions_topic)
    try:
        return log.ends(settings.partitions)
    finally:
        log.close()


def _wait_until_all_is_applied(settings: Settings) -> None:
    """Wait until the held replay sends nothing, and its records have been applied and published."""
    postgres = engine(settings.database)
    held_since, held_ends = time.monotonic(), list[int]()

    def held() -> bool:
        nonlocal held_since, held_ends
        try:
            ends = _ends(settings)
        except UnreachableError:
            # A broker that has just started does not lead its partitions yet.
            return False
        if ends != held_ends:
            held_since, held_ends = time.monotonic(), ends
        offsets = {row.partition: row.next_offset for row in progress.partitions(postgres)}
        behind = any(offsets.get(partition, 0) < end for partition, end in enumerate(ends))
        return not behind and not progress.unpublished(postgres) and time.monotonic() - held_since > _HELD_SECONDS

    _wait_until(held)
    postgres.dispose()


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the fault could not begin within {_PATIENCE_SECONDS:.0f} s")
        time.sleep(_CHECK_SECONDS)


def apache(stack: Stack) -> ApacheBroker:
    """Return the Kafka of a stack."""
    assert isinstance(stack.broker, ApacheBroker), "the embedded broker loses its records when it stops"  # noqa: S101
    return stack.broker
