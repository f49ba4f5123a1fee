"""The contract of the log, on a real Apache Kafka: what the simulator takes for granted is so."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from data.kafka.log import create_topics
from data.kafka.read_to_end import read_topic
from data.kafka.record_writer import producer_config
from runtime.brokers import Brokers
from runtime.topics import Topics
from stream_app.outbox.change_writer import ChangeWriter
from stream_app.outbox.changes_ahead import ChangesAhead
from stream_app.outbox.topic_end import changes_behind
from stream_app.storage.outbox import ChangeKey
from tests.support.local_stack import wait_until
from tests.support.log_contract import SECONDS, LogContract
from tests.support.proxied_kafka import ProxiedKafka, proxied_kafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(1_800)]

T = TypeVar("T")

TOPICS = Topics("transactions", "changes", "segments", "dead-letters", "drift")
MARKER_SECONDS = 2.0
PATIENCE = 300


class RealKafka:
    """Topics of their own for each test, on a broker behind a proxy."""

    def __init__(self, kafka: ProxiedKafka) -> None:
        own = uuid4().hex
        self._topics = replace(TOPICS, changes=f"changes-{own}", segments=f"segments-{own}")
        self._kafka, self._own = kafka, own
        self._through, self._direct = Brokers(kafka.servers), Brokers(kafka.direct_servers)
        self.changes, self.segments = self._topics.changes, self._topics.segments
        configuration = {self.changes: {}, self.segments: {"cleanup.policy": "compact"}}
        create_topics(self._direct, configuration, 1)

    def call(self, function: Callable[[], T]) -> T:
        """Call something that blocks."""
        return function()

    def producer(self, name: str) -> Any:
        """A producer with a transactional id."""
        return Producer(producer_config(self._direct) | {"transactional.id": f"{name}-{self._own}", "linger.ms": 0})

    def writer(self) -> ChangeWriter:
        """The worker's own writer."""
        return ChangeWriter(self._through, self._topics, True, 0)

    def committed(self, topic: str, is_open: bool = False) -> list[tuple[bytes | None, bytes | None]]:
        """Keys and values that a reader of committed records gets once all that was committed can be seen."""
        # The broker answers a commit before it has written the transaction markers.
        if is_open:
            time.sleep(MARKER_SECONDS)
        else:
            wait_until(lambda: self._end(topic, "read_committed") == self.end(topic), PATIENCE)
        return [(message.key(), message.value()) for message in read_topic(self._direct, topic, "contract")]

    def end(self, topic: str) -> int:
        """The end offset."""
        return self._end(topic, "read_uncommitted")

    def _end(self, topic: str, isolation: str) -> int:
        """The offset up to which such a reader gets records: one of committed records stops at an open transaction."""
        consumer = Consumer({**self._direct.config, "group.id": "contract", "isolation.level": isolation})
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=SECONDS)
        consumer.close()
        return int(end)

    def behind(self, last_published: ChangeKey | None) -> ChangesAhead:
        """What the change topic holds behind a change."""
        return asyncio.run(changes_behind(self._direct, self.changes, 0, last_published))

    def hold_next_end(self, requests: int) -> None:
        """Let the next EndTxn arrive after this many later requests."""
        self._kafka.proxy.hold_next_end(requests, lambda: None)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedKafka]:
    with proxied_kafka(tmp_path_factory.mktemp("contract")) as kafka:
        yield kafka


@pytest.fixture
def kafka(proxied: ProxiedKafka) -> RealKafka:
    return RealKafka(proxied)


class TestApacheKafka(LogContract):
    """All of it."""
