"""Publishes the dead letters of a partition, in order, with an idempotent producer.

Dead letters are committed as rows first, so none is lost. Publishing never delays the partition that they come from.
After a fault some may be published again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from data.contract.dead_letters import dead_letter_headers
from data.kafka.record_writer import Headers, NewProducer, Refusals, WriteError, producer_config
from runtime.brokers import Brokers
from runtime.topics import Topics
from stream_app.core.decode import DeadLetter
from stream_app.partition_status import Clock

log = structlog.get_logger(__name__)

_FLUSH_SECONDS = 0.5
_REREAD_SECONDS = 5.0
_CLIPPED_BYTES = 64 * 1024


class DeadLetterPublisher:
    """Publishes the dead letters of one partition. The first dead letter creates the producer.

    ``log_id`` is the log that their offsets belong to; it changes after a fault of the log.
    """

    def __init__(
        self,
        brokers: Brokers,
        topics: Topics,
        log_id: str,
        partition: int,
        new_producer: NewProducer | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._brokers = brokers
        self._topics = topics
        self.log_id = log_id
        self._partition = partition
        self._new_producer = new_producer
        self._clock = clock
        self._log = log.bind(partition=partition)
        self._producer: Producer | None = None
        self._refusals = Refusals()
        self._undelivered = False
        self._reread = False
        self._reread_at = 0.0

    def publish(self, letters: Sequence[DeadLetter]) -> None:
        """Queue dead letters: the original bytes, with headers that name the source and the reason.

        A dead letter that is too large for the broker is published in part; Postgres has all of its bytes.
        """
        for letter in letters:
            self._undelivered = True
            topic = self._topics.transactions
            log_id = letter.log_id or self.log_id
            headers = dead_letter_headers(letter.reason, topic, self._partition, letter.offset, log_id)
            self._produce(letter.key, letter.value, headers, partial(self._clip, letter, headers))

    async def all_delivered(self, unpublished: Callable[[], Awaitable[Sequence[DeadLetter]]]) -> bool:
        """Whether all dead letters are in their topic, and some of them were not at the last call.

        Waits for the broker for half a second at most. Dead letters that the broker refused, or that did not fit into
        the producer's queue, are read again with ``unpublished`` a few seconds later.
        """
        if not self._undelivered:
            return False
        try:
            if self._reread and self._clock() >= self._reread_at:
                self._reread = False
                self.publish(await unpublished())
            left = 0 if self._producer is None else await asyncio.to_thread(self._producer.flush, _FLUSH_SECONDS)
            self._refusals.check()
        except WriteError as error:
            self._log.warning("will publish dead letters later", error=str(error))
            self.close()
            self._refusals = Refusals()
            self._reread_later()
            return False
        self._undelivered = self._reread or left > 0
        return not self._undelivered

    def close(self) -> None:
        """Drop the producer and all unsent dead letters; Postgres still has them."""
        if self._producer is not None:
            self._producer.purge()
            self._producer = None

    def _reread_later(self) -> None:
        self._reread = True
        self._reread_at = self._clock() + _REREAD_SECONDS

    def _produce(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        on_delivery: Callable[[KafkaError | None], None],
    ) -> None:
        """Queue a record without raising: a problem with the record or the topic becomes a refusal."""
        if self._producer is None:
            self._producer = (self._new_producer or Producer)(producer_config(self._brokers))
        try:
            self._producer.produce(
                self._topics.dead_letters,
                value,
                key,
                on_delivery=lambda error, _: on_delivery(error),
                headers=headers,
            )
        except BufferError:
            self._reread_later()
        except KafkaException as error:
            # The client itself refuses some records, before it asks the broker.
            on_delivery(error.args[0])

    def _clip(self, letter: DeadLetter, headers: Headers, error: KafkaError | None) -> None:
        """Publish a dead letter again, in part if it is large, after its request was refused for its size."""
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
