"""The change topic as a webhook reads it: from the offsets that it keeps itself, as every subscriber should."""

from typing import NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from data.kafka.log import LogError
from runtime.brokers import Brokers

log = structlog.get_logger(__name__)


_TIMEOUT = 10.0


class Record(NamedTuple):
    """A change as it lies in the topic."""

    partition: int
    offset: int
    event: bytes


class Reader:
    """Reads on from given offsets. Its methods are called by one thread at a time.

    Raises
    ------
    LogError
        If the broker can't be reached.
    """

    def __init__(self, brokers: Brokers, topic: str, offsets: dict[int, int]) -> None:
        self._last = {partition: offset - 1 for partition, offset in offsets.items()}
        self._consumer = Consumer(
            {
                **brokers.config,
                "group.id": "segue-webhooks",  # asked for, but not used: the offsets are in Postgres
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        places = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        try:
            for place in places:
                self._look_for_gap(place)
        except KafkaException as error:
            raise LogError(f"can't reach a broker at {brokers}: {error.args[0].str()}") from error
        self._consumer.assign(places)

    def _look_for_gap(self, place: TopicPartition) -> None:
        first, _ = self._consumer.get_watermark_offsets(place, timeout=_TIMEOUT)
        if first > place.offset:
            log.error("changes are gone from the topic", partition=place.partition, offsets=first - place.offset)

    def read(self, limit: int, seconds: float) -> list[Record]:
        """What comes within some seconds.

        Raises
        ------
        LogError
            If the topic is not the one that it was, or can't be read any more.
        """
        records = []
        for message in self._consumer.consume(limit, timeout=seconds):
            error = message.error()
            if error is not None:
                if error.fatal():
                    raise LogError(f"can't read the change topic any more: {error.str()}")
                log.warning("the broker has trouble; going on", reason=error.str())
                continue
            partition, offset = message.partition() or 0, message.offset() or 0
            if offset <= self._last[partition]:
                raise LogError("the change topic was made anew; start again to read it from its beginning")
            self._last[partition] = offset
            records.append(Record(partition, offset, message.value() or b""))
        return records

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()
