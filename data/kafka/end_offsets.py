"""The end offsets of a topic within a bounded time, for those who only look at a stream."""

import contextlib
import time
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime.brokers import Brokers


def end_offsets(brokers: Brokers, topic: str, partitions: Iterable[int], seconds: float) -> dict[int, int] | None:
    """The end offset by partition; None if no broker answers within some seconds. Creates no topic.

    Partitions that the topic does not have, or whose leader does not answer in time, are missing.
    """
    deadline = time.monotonic() + seconds
    consumer = Consumer({**brokers.config, "group.id": "segue-log-reader"})
    ends: dict[int, int] = {}
    try:
        metadata = consumer.list_topics(topic, timeout=seconds)
        known = metadata.topics[topic].partitions if topic in metadata.topics else {}
        for partition in sorted(set(partitions) & set(known)):
            left = max(deadline - time.monotonic(), 0.1)
            with contextlib.suppress(KafkaException):
                ends[partition] = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=left)[1]
    except KafkaException:
        return None
    finally:
        consumer.close()
    return ends
