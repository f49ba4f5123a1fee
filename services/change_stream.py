"""Streams of segment changes, from Postgres or from the change topic, as CloudEvents."""

import time
from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from sqlalchemy import Engine, select

from data.contract.change_events import change_event
from data.contract.change_row import ChangeRow
from data.kafka.log import UnreachableError
from data.postgres import model_registry, progress
from data.postgres.database import engine
from data.postgres.tables import segment_changes
from runtime.settings import Settings

_PAGE = 5_000
_POLL_SECONDS = 0.5


def postgres(settings: Settings, follow: bool, customer: str | None) -> Iterator[bytes]:
    """Yield the changes of every partition in order; with ``follow``, wait for more."""
    database = engine(settings.database)
    positions: dict[int, int] = {}
    while True:
        personas = model_registry.personas(database)
        found = False
        for row in _changes_after(database, positions, customer):
            found = True
            positions[row[0]] = row[1].position
            yield change_event(row[1], personas)
        if not found:
            if not follow:
                return
            time.sleep(_POLL_SECONDS)


def topic(settings: Settings, follow: bool) -> Iterator[bytes]:
    """Yield the change topic from its beginning to its current end; with ``follow``, wait for more."""
    consumer = Consumer(
        {
            **settings.brokers.config,
            "group.id": "segue-changes",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    try:
        metadata = consumer.list_topics(settings.changes_topic, timeout=10)
    except KafkaException as error:
        reason = f"can't reach a broker at {settings.brokers}: {error.args[0].str()}"
        raise UnreachableError(f"{reason}; set SEGUE_BOOTSTRAP_SERVERS, or start `segue up`") from error
    open_partitions = set(metadata.topics[settings.changes_topic].partitions)
    consumer.assign([TopicPartition(settings.changes_topic, number, OFFSET_BEGINNING) for number in open_partitions])
    while follow or open_partitions:
        message = consumer.poll(_POLL_SECONDS)
        if message is None:
            continue
        if message.error():
            open_partitions.discard(message.partition())
        else:
            yield message.value() or b""
    consumer.close()


def _changes_after(database: Engine, read: dict[int, int], customer: str | None) -> Iterator[tuple[int, ChangeRow]]:
    columns = [segment_changes.c[name] for name in ChangeRow._fields]
    for partition in [row.partition for row in progress.partitions(database)]:
        query = select(*columns).where(
            segment_changes.c.partition == partition, segment_changes.c.position > read.get(partition, 0)
        )
        if customer is not None:
            query = query.where(segment_changes.c.customer_id == customer)
        with database.connect() as connection:
            for row in connection.execute(query.order_by(segment_changes.c.position).limit(_PAGE)):
                yield partition, ChangeRow.of(row)
