"""A commit that is late on the network ends the next Kafka transaction too early: states stay as new as changes.

librdkafka repeats an unanswered EndTxn request under the same producer epoch. The broker can't tell the first one, when
it arrives at last, from the end of the transaction that is under way by then.

``SEGUE_TEST_LATE_ENDS=200 python -m pytest tests/e2e/kafka/test_late_end_of_a_transaction.py`` tries more often.
"""

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import msgspec
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from data.contract.change_row import ChangeRow
from data.kafka.log import create_topics
from runtime.brokers import Brokers
from runtime.topics import Topics
from segue.local.kafka_proxy import HeldEnd
from segue.local.kafka_requests import ADD_PARTITIONS, PRODUCE
from stream_app.core.apply import PartitionProgress
from stream_app.metrics import Metrics
from stream_app.outbox.change_writer import ChangeWriter
from stream_app.outbox.relay import Relay
from stream_app.outbox.topic_end import changes_behind
from tests.support.committed_changes import CommittedChanges, change
from tests.support.proxied_kafka import ProxiedKafka, proxied_kafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(3_600)]

SHOTS = int(os.environ.get("SEGUE_TEST_LATE_ENDS", "21"))
# A few of a Kafka transaction's records fit into one request, thousands need several.
CUSTOMERS = [1, 40, 3_000]
REQUESTS_BEFORE = range(7)
SECONDS = 120.0
# INVALID_PRODUCER_EPOCH and PRODUCER_FENCED.
REFUSALS = {47, 90}
MARKER_SECONDS = 60.0
READ_SECONDS = 0.2

TOPICS = Topics("transactions", "changes", "segments", "dead-letters", "drift")
OTHER_TOPICS = replace(TOPICS, changes="other-changes", segments="other-segments")
CLAIM = PartitionProgress(0, "log", 0, 1, 0, "m", 0, 0, 0)
ROWS = [ChangeRow(1, "customer", 1, None, "best", "decay", 0, 9, 1, 15_000, "m", None)]


class Subscriber:
    """Reads committed changes and states, and keeps the last sequence of every customer in each topic."""

    def __init__(self, brokers: Brokers) -> None:
        config = {"group.id": "test", "enable.auto.commit": False}
        self._consumers: dict[str, Consumer] = {}
        for topic in (TOPICS.changes, TOPICS.segments):
            self._consumers[topic] = Consumer({**brokers.config, **config, "isolation.level": "read_committed"})
            self._consumers[topic].assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        self.changes: list[tuple[str, int]] = []
        self._changed: dict[str, int] = {}
        self._states: dict[str, int] = {}

    def stale(self) -> set[str]:
        """Customers whose latest state is older than their last change; reads what has been committed so far."""
        deadline = time.monotonic() + MARKER_SECONDS
        while True:
            # Changes first: what is committed in between can only make states newer.
            new = self._read(TOPICS.changes)
            self.changes += new
            self._changed |= dict(new)
            self._states |= dict(self._read(TOPICS.segments))
            stale = {customer for customer, last in self._changed.items() if self._states.get(customer, 0) < last}
            # The broker writes the transaction markers of the two topics one after the other.
            if not stale or time.monotonic() > deadline:
                return stale

    def _read(self, topic: str) -> list[tuple[str, int]]:
        read: list[tuple[str, int]] = []
        while True:
            messages = self._consumers[topic].consume(10_000, timeout=READ_SECONDS)
            if not messages:
                return read
            for message in messages:
                assert message.error() is None, message.error()
                data = msgspec.json.decode(message.value() or b"")["data"]
                read.append((data["customer_id"], data["sequence"]))

    def close(self) -> None:
        """Leave the broker."""
        for consumer in self._consumers.values():
            consumer.close()


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedKafka]:
    with proxied_kafka(tmp_path_factory.mktemp("proxied")) as kafka:
        for topics in (TOPICS, OTHER_TOPICS):
            create_topics(Brokers(kafka.direct_servers), topics.configuration, 1)
        yield kafka


@pytest.fixture
def subscriber(kafka: ProxiedKafka) -> Iterator[Subscriber]:
    subscriber = Subscriber(Brokers(kafka.direct_servers))
    yield subscriber
    subscriber.close()


async def shoot(
    kafka: ProxiedKafka, outbox: CommittedChanges, subscriber: Subscriber, stale: set[str]
) -> list[HeldEnd]:
    """Let a relay publish two Kafka transactions again and again; the first one's commit also comes in the second."""
    through, direct = Brokers(kafka.servers), Brokers(kafka.direct_servers)
    publishing = Relay(
        outbox,  # type: ignore[arg-type]
        CLAIM,
        {},
        lambda partition: ChangeWriter(through, TOPICS, True, partition),
        partial(changes_behind, direct, TOPICS.changes),
        Metrics(),
    )
    shots = itertools.islice(itertools.cycle(itertools.product(CUSTOMERS, REQUESTS_BEFORE)), SHOTS)
    held = []
    for number, (customers, before) in enumerate(shots):
        ids = [f"{number}-{customer}" for customer in range(customers)]
        held.append(kafka.proxy.hold_next_end(before, lambda: stale.update(subscriber.stale())))
        for sequence in (1, 2):
            publishing.offer(outbox.add([change(customer, sequence) for customer in ids]))
            await asyncio.wait_for(publishing.wait_until_published(), SECONDS)
    await publishing.close()
    return held


def test_a_commit_that_comes_in_the_next_transaction_leaves_no_state_older_than_its_change(
    kafka: ProxiedKafka, subscriber: Subscriber
) -> None:
    outbox, stale = CommittedChanges(), set[str]()
    held = asyncio.run(shoot(kafka, outbox, subscriber, stale))
    seen_then, seen_at_last = len(stale), len(subscriber.stale())
    assert (seen_then, seen_at_last) == (0, 0)
    assert subscriber.changes == [(row.customer_id, row.sequence) for row in outbox.rows]
    # The broker took every late commit for one of the Kafka transaction under way, or of the one before it.
    assert [end.error for end in held] == [0] * SHOTS
    assert {tuple(end.requests[-1:]) for end in held} == {(), (ADD_PARTITIONS,), (PRODUCE,)}


@pytest.mark.parametrize(
    "end",
    [lambda writer: writer.write(ROWS, {}, "log"), lambda writer: writer.abort_hanging(b"key", b"value")],
    ids=["commit", "abort"],
)
def test_the_broker_refuses_a_late_end_once_another_writer_is_open(
    kafka: ProxiedKafka, end: Callable[[ChangeWriter], None]
) -> None:
    held = kafka.proxy.hold_next_end(3, lambda: None)
    end(opened(kafka))
    # The late end comes between the state and the change, where the broker would otherwise accept it unnoticed.
    opened(kafka).write(ROWS, {}, "log")
    assert (held.repeated, held.requests) == (True, [ADD_PARTITIONS, PRODUCE, ADD_PARTITIONS])
    assert held.error in REFUSALS


def opened(kafka: ProxiedKafka) -> ChangeWriter:
    writer = ChangeWriter(Brokers(kafka.servers), OTHER_TOPICS, True, 0)
    writer.open()
    return writer
