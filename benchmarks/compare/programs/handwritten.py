"""The hand-written loop: confluent-kafka, a dictionary, COPY and upsert; at least once.

It is what a good programmer writes in an afternoon: a batch is read, counted, written to Postgres, and then its offsets
are committed. A crash between the last two steps makes the batch count twice.
"""

import signal

import msgspec
from confluent_kafka import Consumer, KafkaException, Message, Producer

from benchmarks.compare.programs import plain_tables
from benchmarks.compare.programs.job import Job, this_job
from benchmarks.compare.programs.profiles import Change, Invoice, Profiles
from data.kafka.partitioner import PARTITIONER

BATCH = 10_000
_WAIT_SECONDS = 0.05
SESSION_MS = 6_000
_decode = msgspec.json.Decoder(Invoice).decode
_encode = msgspec.json.Encoder().encode


def main() -> None:
    """Apply records until SIGTERM."""
    job = this_job()
    running = True

    def stop(*_: object) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)
    connection = plain_tables.connect(job.database)
    profiles = Profiles(job.model, plain_tables.stored(connection))
    publisher = Publisher(job) if job.changes else None
    consumer = consumer_of(job)
    while running:
        invoices = decoded(consumer.consume(BATCH, _WAIT_SECONDS))
        if not invoices:
            continue
        touched, changes = profiles.apply(invoices)
        plain_tables.save(connection, touched, changes, len(invoices))
        if publisher is not None:
            publisher.publish(changes)
        consumer.commit(asynchronous=False)
    consumer.close()


def consumer_of(job: Job) -> Consumer:
    """A consumer that begins at the stored offsets, or at the beginning."""
    consumer = Consumer(
        {
            "bootstrap.servers": job.servers,
            "group.id": job.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "session.timeout.ms": SESSION_MS,
            "fetch.wait.max.ms": 50,
        }
    )
    consumer.subscribe([job.topic])
    return consumer


def decoded(messages: list[Message]) -> list[Invoice]:
    """The invoices of records.

    Raises
    ------
    KafkaException
        If the broker reports an error.
    """
    for message in messages:
        if message.error() is not None:
            raise KafkaException(message.error())
    return [_decode(message.value() or b"") for message in messages]


class Publisher:
    """Publishes changes and waits until the broker has them."""

    def __init__(self, job: Job) -> None:
        self._topic = job.changes or ""
        self._producer = Producer(
            {
                "bootstrap.servers": job.servers,
                "partitioner": PARTITIONER,
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": "lz4",
            }
        )

    def publish(self, changes: list[Change]) -> None:
        """Publish the changes of a batch."""
        for change in changes:
            while True:
                try:
                    self._producer.produce(self._topic, _encode(change._asdict()), change.customer_id.encode())
                except BufferError:
                    self._producer.poll(0.1)
                else:
                    break
        self._producer.flush()


if __name__ == "__main__":
    main()
