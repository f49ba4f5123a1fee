"""The dead letters of ingestion, from the topic of dead letters: ingestion needs no Postgres."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, cast

from data.kafka.read_to_end import read_topic
from runtime.brokers import Brokers

_GROUP = "segue-dlq"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class IngestedDeadLetter(NamedTuple):
    """A record that could not be mapped: its place in the source topic, its bytes, the reason, and since when."""

    log_id: str
    partition: int
    offset: int
    reason: str
    key: bytes | None
    value: bytes | None
    at: datetime

    @property
    def id(self) -> str:
        """The id that people use: ``PARTITION:OFFSET``."""
        return f"{self.partition}:{self.offset}"


def of_topic(brokers: Brokers, dead_letter_topic: str, source: str) -> dict[tuple[str, int, int], IngestedDeadLetter]:
    """The dead letters of a source topic, the newest one of each record, by log id, partition and offset.

    Raises
    ------
    UnreachableError
        If no broker answers.
    """
    found: dict[tuple[str, int, int], IngestedDeadLetter] = {}
    for letter in _read(brokers, dead_letter_topic, source):
        place = (letter.log_id, letter.partition, letter.offset)
        found.pop(place, None)  # a record that was read again is as new as its last reading
        found[place] = letter
    return found


def _read(brokers: Brokers, dead_letter_topic: str, source: str) -> Iterator[IngestedDeadLetter]:
    for message in read_topic(brokers, dead_letter_topic, _GROUP):
        headers = dict(cast("list[tuple[str, bytes]]", message.headers() or []))
        if headers.get("segue-topic") == source.encode():
            yield IngestedDeadLetter(
                headers["segue-log-id"].decode(errors="replace"),
                int(headers["segue-partition"]),
                int(headers["segue-offset"]),
                headers["segue-reason"].decode(errors="replace"),
                _bytes(message.key()),
                _bytes(message.value()),
                _EPOCH + timedelta(milliseconds=message.timestamp()[1]),
            )


def _bytes(content: str | bytes | None) -> bytes | None:
    return content.encode() if isinstance(content, str) else content
