"""The topic with the orders, as a member of a consumer group reads it.

The offsets of a group are committed only after Kafka has what became of the records before them. The metadata of a
committed offset is the identity of the topic, so that a topic that was created again is read from its beginning.
"""

from collections.abc import Sequence

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from data.kafka.log import LogError, topic_id, unreachable
from runtime.brokers import Brokers
from services.ingest.health import IngestHealth

log = structlog.get_logger(__name__)

_TIMEOUT = 10.0
_LOOK_TIMEOUT = 3.0
_RESET = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}


class KafkaSource:
    """Reads the partitions that the group assigns to this process.

    Parameters
    ----------
    session_timeout
        Seconds after which a silent process loses its partitions.
    cluster
        Identity of the topic's cluster, if the broker can't report it and the topic's id.
    name
        A unique name of this process, with which it gets its partitions back at once after a restart.

    Raises
    ------
    LogError
        If the broker can't be reached.
    """

    def __init__(
        self,
        brokers: Brokers,
        topic: str,
        group: str,
        session_timeout: float,
        health: IngestHealth,
        cluster: str | None = None,
        name: str | None = None,
    ) -> None:
        self.topic = topic
        self._brokers = brokers
        self._health = health
        self._error: str | None = None
        self._consumer = Consumer(
            {
                **brokers.config,
                **({} if name is None else {"group.instance.id": name}),
                "group.id": group,
                "session.timeout.ms": int(session_timeout * 1_000),
                "heartbeat.interval.ms": int(session_timeout * 1_000 / 3),
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                # Offsets that are gone are reported; a group without offsets begins at the beginning (_assigned).
                "auto.offset.reset": "error",
                "allow.auto.create.topics": False,
                "log_level": 2,
            }
        )
        try:
            reported = self._consumer.list_topics(topic, timeout=_TIMEOUT).cluster_id
            self.log_id = f"{cluster}/{topic}" if cluster else f"{reported}/{topic_id(brokers, topic)}"
        except KafkaException as error:
            self._consumer.close()
            raise unreachable(brokers, error) from error
        self._consumer.subscribe([topic], on_assign=self._assigned, on_lost=_lost)

    def read(self, most: int, seconds: float) -> list[Message]:
        """Up to ``most`` records that arrive within ``seconds``.

        Raises
        ------
        LogError
            If the partitions have to be assigned anew.
        """
        records = []
        for message in self._consumer.consume(most, timeout=seconds):
            error = message.error()
            if error is None:
                records.append(message)
            elif error.fatal() or error.code() in _RESET:
                raise LogError(f"{self.topic}: {error.str()}")
            else:
                self._error = f"{self.topic}: {error.str()}"
        if records:
            self._error = None
        return records

    def commit(self, records: Sequence[Message]) -> None:
        """Store that these records have been handled. If that fails, they will be read again, which does no harm."""
        following = {message.partition(): message.offset() or 0 for message in records}
        offsets = [
            TopicPartition(self.topic, partition or 0, offset + 1, metadata=self.log_id)
            for partition, offset in following.items()
        ]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            log.warning("the offsets are not committed; records will be read again", reason=error.args[0].str())

    def lag(self) -> int:
        """How many records are still to be read in the partitions of this process.

        Raises
        ------
        LogError
            If the broker does not answer, the topic is not there any more, or reading has failed since the last record.
        """
        if self._error is not None:
            raise LogError(self._error)
        try:
            described = self._consumer.list_topics(self.topic, timeout=_LOOK_TIMEOUT).topics[self.topic]
            if described.error is not None:
                raise LogError(f"{self.topic}: {described.error.str()}")
            left = 0
            for place in self._consumer.position(self._consumer.assignment()):
                first, end = self._consumer.get_watermark_offsets(place, timeout=_LOOK_TIMEOUT)
                left += end - max(first, place.offset)
        except KafkaException as error:
            raise unreachable(self._brokers, error) from error
        return left

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        committed = consumer.committed(partitions, timeout=_TIMEOUT)
        consumer.assign([self._begin(consumer, place) for place in committed])
        log.info("partitions assigned", topic=self.topic, partitions=sorted(place.partition for place in partitions))

    def _begin(self, consumer: Consumer, place: TopicPartition) -> TopicPartition:
        """Where to begin in a partition: at its committed offset, if that is one of this topic."""
        if place.offset < 0:
            return TopicPartition(place.topic, place.partition, OFFSET_BEGINNING)
        first, end = consumer.get_watermark_offsets(place, timeout=_TIMEOUT)
        if place.offset > end or (place.metadata or self.log_id) != self.log_id:
            log.warning("the topic was created again; reading from its beginning", partition=place.partition)
            return TopicPartition(place.topic, place.partition, OFFSET_BEGINNING)
        if place.offset < first:
            self._health.missed(first - place.offset)
            log.error(
                "records were deleted before they were read", partition=place.partition, records=first - place.offset
            )
            return TopicPartition(place.topic, place.partition, first)
        return TopicPartition(place.topic, place.partition, place.offset)


def _lost(consumer: Consumer, partitions: list[TopicPartition]) -> None:
    log.warning("partitions lost", partitions=sorted(place.partition for place in partitions))
