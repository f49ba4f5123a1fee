"""An endless sequence of changes of one partition, and a process that publishes the changes until it is killed."""

import asyncio
import contextlib
import random
from datetime import UTC, datetime, timedelta
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from aiokafka.errors import KafkaError
from confluent_kafka import KafkaException
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from data.contract.change_row import ChangeRow
from data.contract.events import SegmentChange
from data.kafka.partitioner import partition_of
from models.units import to_micros
from runtime.settings import Settings
from stream_app.outbox.change_writer import ChangeWriter
from stream_app.outbox.topic_end import HangingTransactionError, changes_behind

PARTITION = 2
CUSTOMERS = [str(number) for number in range(12_000, 12_100) if partition_of(str(number), 4) == PARTITION]
LOG_ID = "log"
PERSONAS = {"best": "Best", "lost": "Lost"}
NOT_OPEN = -2
NOTHING = -1


def change(position: int) -> ChangeRow:
    """The change at a position: every customer first enters a segment, and then changes it again and again."""
    round_, customer = divmod(position, len(CUSTOMERS))
    at = to_micros(datetime(2011, 1, 1, tzinfo=UTC) + timedelta(hours=round_))
    came_from = "best" if round_ else None
    return ChangeRow(position, CUSTOMERS[customer], round_ + 1, came_from, "lost", "decay", at, 9, 1, 15_000, "m", None)


# A broker that has just started fails some requests; the relay tries again, too.
_patiently = retry(
    retry=retry_if_exception_type((KafkaException, KafkaError, HangingTransactionError)),
    stop=stop_after_delay(300),
    wait=wait_fixed(0.1),
    reraise=True,
)


@_patiently
def opened(settings: Settings) -> ChangeWriter:
    """A writer that owns the partition."""
    writer = ChangeWriter(settings.brokers, settings.topics, settings.exactly_once, PARTITION)
    writer.open()
    return writer


@_patiently
def last(settings: Settings) -> SegmentChange | None:
    """The last change in the topic."""
    found = asyncio.run(changes_behind(settings.brokers, settings.changes_topic, PARTITION, None)).last
    assert found is None or isinstance(found, SegmentChange)
    return found


def reached(settings: Settings) -> int:
    """The position of the last change in the topic; :data:`NOTHING` if there is none."""
    found = last(settings)
    return NOTHING if found is None else (found.sequence - 1) * len(CUSTOMERS) + CUSTOMERS.index(found.customer_id)


def keep_writing(folder: Path, changes: str, segments: str, begins: "Synchronized[int]") -> None:
    """Publish the next changes in transactions of all sizes; ``begins`` gets the last published position.

    After a fault of Kafka the loop starts again, as the relay does.
    """
    settings, sizes = Settings(state_dir=folder, changes_topic=changes, segments_topic=segments), random.Random()
    while True:
        with contextlib.suppress(KafkaException, KafkaError):
            writer = opened(settings)
            begins.value = position = reached(settings)
            while True:
                rows = [change(position + 1 + n) for n in range(sizes.choice([1, 3, 50, 700]))]
                writer.write(rows, PERSONAS, LOG_ID)
                position += len(rows)
