"""A key has the partition that the Java client computes: checked with hashes from Apache Kafka's own tests."""

from pathlib import Path

import pytest
from confluent_kafka import Producer

from data.kafka.partitioner import PARTITIONER, partition_of
from segue.local.embedded_broker import EmbeddedBroker

# Hashes from the unit test of org.apache.kafka.common.utils.Utils.murmur2.
JAVA = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536}


@pytest.mark.parametrize(("key", "murmur2"), JAVA.items())
def test_a_key_has_the_partition_of_the_java_client(key: str, murmur2: int) -> None:
    assert partition_of(key, 1_000) == (murmur2 & 0x7FFFFFFF) % 1_000


def test_confluent_producers_use_the_partition_that_we_compute(tmp_path: Path) -> None:
    broker = EmbeddedBroker.start(tmp_path / "broker.log")
    landed: dict[str, int] = {}
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "partitioner": PARTITIONER})
    for key in [*JAVA, *map(str, range(12_346, 12_400)), "kundin-ä"]:
        producer.produce("t", b"", key, on_delivery=lambda _, m: landed.__setitem__(m.key().decode(), m.partition()))
    assert producer.flush(10) == 0
    broker.stop()
    assert len(landed) == len(JAVA) + 55
    assert landed == {key: partition_of(key, 4) for key in landed}
