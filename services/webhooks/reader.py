"""Reads a topic of changes from offsets that the webhook stores itself."""

from typing import NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from data.kafka.log import LogError
from runtime.brokers import Brokers

log = structlog.get_logger(__name__)


_TIMEOUT = 10.0


class ChangeRecord(NamedTuple):
    """A record of a topic of changes."""

    partition: int
    offset: int
    event: bytes


class ChangeReader:
    """Reads from given offsets. Only one thread at a time may call its methods.

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
                "group.id": "segue-webhooks",  # required, but not used: the offsets are in Postgres
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        assignment = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        try:
            for each in assignment:
                self._report_gap(each)
        except KafkaException as error:
            raise LogError(f"can't reach a broker at {brokers}: {error.args[0].str()}") from error
        self._consumer.assign(assignment)

    def _report_gap(self, start: TopicPartition) -> None:
        first, _ = self._consumer.get_watermark_offsets(start, timeout=_TIMEOUT)
        if first > start.offset:
            log.error("changes are gone from the topic", partition=start.partition, offsets=first - start.offset)

    def read(self, limit: int, seconds: float) -> list[ChangeRecord]:
        """Return up to ``limit`` records that arrive within ``seconds``.

        Raises
        ------
        LogError
            If the topic was recreated, or can't be read any more.
        """
        records = []
        for message in self._consumer.consume(limit, timeout=seconds):
            error = message.error()
            if error is not None:
                if error.fatal():
                    raise LogError(f"can't read the change topic any more: {error.str()}")
                log.warning("the broker reports an error; continuing", reason=error.str())
                continue
            partition, offset = message.partition() or 0, message.offset() or 0
            if offset <= self._last[partition]:
                raise LogError("the change topic was recreated; restart to read it from its beginning")
            self._last[partition] = offset
            records.append(ChangeRecord(partition, offset, message.value() or b""))
        return records

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()
