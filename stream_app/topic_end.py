"""The last change in a partition of the change topic: where publishing has come to on a broker without transactions.

Where there are transactions nothing of the kind is needed, and it would not do: whether the records at the end of a
partition count depends on how a transaction ended, and readers have been seen to take an aborted one for committed.
"""

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from data.brokers import Brokers

_SECONDS = 3.0
_FIRST_LOOK_BACK = 64


def last_record(brokers: Brokers, topic: str, partition: int) -> bytes | None:
    """The value of the last record of a partition; None if there is none.

    Raises
    ------
    KafkaException
        If the broker can't be reached.
    """
    consumer = Consumer(
        {
            **brokers.config,
            "group.id": "segue-change-writer",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            # The embedded broker makes topics when somebody asks for them.
            "allow.auto.create.topics": True,
            "fetch.wait.max.ms": 10,
        }
    )
    try:
        consumer.list_topics(topic, timeout=_SECONDS)
        place = TopicPartition(topic, partition)
        low, high = consumer.get_watermark_offsets(place, timeout=_SECONDS)
        back = _FIRST_LOOK_BACK
        while True:
            start = max(low, high - back)
            found = _last_between(consumer, topic, partition, start, high)
            if found is not None or start == low:
                return found
            back *= 8
    finally:
        consumer.close()


def _last_between(consumer: Consumer, topic: str, partition: int, start: int, end: int) -> bytes | None:
    found: bytes | None = None
    consumer.assign([TopicPartition(topic, partition, start)])
    while True:
        message = consumer.poll(_SECONDS)
        if message is None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the broker does not answer"))
        error = message.error()
        if error is None:
            found = message.value()
        elif error.code() != KafkaError._PARTITION_EOF:
            if not error.retriable():
                raise KafkaException(error)
        elif (message.offset() or 0) >= end:
            return found
