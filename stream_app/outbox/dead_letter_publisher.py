"""A partition's way into the dead-letter topic: an idempotent producer, in order. Some may come again after a fault.

Dead letters are rows first, so that none is lost; publishing them never holds up the partition that they come from.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from data.kafka.record_writer import Headers, Refusals, WriteError, producer_config
from runtime.brokers import Brokers
from runtime.topics import Topics
from stream_app.core.decode import DeadLetter

log = structlog.get_logger(__name__)

_FLUSH_SECONDS = 0.5
_WAIT_SECONDS = 5.0
_CLIPPED_BYTES = 64 * 1024


class DeadLetterPublisher:
    """Publishes the dead letters of one partition of a log. Its producer is made for the first one: most have none."""

    def __init__(self, brokers: Brokers, topics: Topics, log_id: str, partition: int) -> None:
        self._brokers = brokers
        self._topics = topics
        self._log_id = log_id
        self._partition = partition
        self._log = log.bind(partition=partition)
        self._producer: Producer | None = None
        self._refusals = Refusals()
        self._waiting = False
        self._missing = False
        self._not_before = 0.0

    def publish(self, letters: Sequence[DeadLetter]) -> None:
        """Queue records that could not be applied: the original bytes, with headers saying where from and why.

        One that the broker finds too large is published without most of its bytes; Postgres has them all.
        """
        for letter in letters:
            self._waiting = True
            headers: Headers = [
                ("segue-reason", letter.reason.encode()),
                ("segue-topic", self._topics.transactions.encode()),
                ("segue-partition", str(self._partition).encode()),
                ("segue-offset", str(letter.offset).encode()),
                ("segue-log-id", self._log_id.encode()),
            ]
            self._produce(letter.key, letter.value, headers, partial(self._clip, letter, headers))

    async def delivered(self, unpublished: Callable[[], Awaitable[Sequence[DeadLetter]]]) -> bool:
        """Whether all dead letters are in their topic that were not when this was asked last. Takes a moment at most.

        Those that the broker refused, or that found no room, are taken from ``unpublished`` after a while.
        """
        if not self._waiting:
            return False
        try:
            if self._missing and time.monotonic() >= self._not_before:
                self._missing = False
                self.publish(await unpublished())
            left = 0 if self._producer is None else await asyncio.to_thread(self._producer.flush, _FLUSH_SECONDS)
            self._refusals.check()
        except WriteError as error:
            self._log.warning("will publish dead letters later", error=str(error))
            self.close()
            self._refusals = Refusals()
            self._hand_over_later()
            return False
        self._waiting = self._missing or left > 0
        return not self._waiting

    def close(self) -> None:
        """Forget what has not been sent."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    def _hand_over_later(self) -> None:
        self._missing = True
        self._not_before = time.monotonic() + _WAIT_SECONDS

    def _produce(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        on_delivery: Callable[[KafkaError | None], None],
    ) -> None:
        """Queue a record; whatever is wrong with it, or with the topic, is found out without an exception."""
        if self._producer is None:
            self._producer = Producer(producer_config(self._brokers))
        try:
            self._producer.produce(
                self._topics.dead_letters,
                value,
                key,
                on_delivery=lambda error, _: on_delivery(error),
                headers=headers,
            )
        except BufferError:
            self._hand_over_later()
        except KafkaException as error:
            # Some refusals are the client's own, and come at once.
            on_delivery(error.args[0])

    def _clip(self, letter: DeadLetter, headers: Headers, error: KafkaError | None) -> None:
        """Publish a dead letter again that was refused for its size or a neighbour's; a large one in part."""
        if error is None or error.code() != KafkaError.MSG_SIZE_TOO_LARGE:
            self._note(error)
            return
        key, value = letter.key and letter.key[:_CLIPPED_BYTES], letter.value
        if value is not None and len(value) > _CLIPPED_BYTES:
            headers = [*headers, ("segue-clipped-from", str(len(value)).encode())]
            value = value[:_CLIPPED_BYTES]
        self._produce(key, value, headers, self._note)

    def _note(self, error: KafkaError | None) -> None:
        if error is not None:
            self._refusals.add(self._topics.dead_letters, error)
