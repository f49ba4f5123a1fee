"""A key has the partition that the Java client computes: checked with hashes from Apache Kafka's own tests."""

from pathlib import Path

import pytest
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from confluent_kafka import KafkaError, Message, Producer
from hypothesis import given
from hypothesis import strategies as st

from data.kafka.partitioner import PARTITIONER, partition_of, partition_of_key
from segue.local.embedded_broker import EmbeddedBroker

# Hashes from the unit test of org.apache.kafka.common.utils.Utils.murmur2.
JAVA = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536}


@pytest.mark.parametrize(("key", "murmur2"), JAVA.items())
def test_a_key_has_the_partition_of_the_java_client(key: str, murmur2: int) -> None:
    assert partition_of(key, 1_000) == (murmur2 & 0x7FFFFFFF) % 1_000


@given(st.binary(max_size=40))
def test_a_key_has_the_partition_of_aiokafka(key: bytes) -> None:
    assert partition_of_key(key, 1_000) == (aiokafka_murmur2(key) & 0x7FFFFFFF) % 1_000


def test_confluent_producers_use_the_partition_that_we_compute(tmp_path: Path) -> None:
    broker = EmbeddedBroker.start(tmp_path / "broker.log")
    landed: dict[str, int] = {}

    def arrived(error: KafkaError | None, message: Message) -> None:
        landed[(message.key() or b"").decode()] = message.partition() or 0

    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "partitioner": PARTITIONER})
    for key in [*JAVA, *map(str, range(12_346, 12_400)), "kundin-ä"]:
        producer.produce("t", b"", key, on_delivery=arrived)
    assert producer.flush(120) == 0
    broker.stop()
    assert len(landed) == len(JAVA) + 55
    assert landed == {key: partition_of(key, 4) for key in landed}
