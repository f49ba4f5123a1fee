"""Publishing dead letters: an idempotent producer, in order. Some may come again after a crash."""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from confluent_kafka import KafkaError, Message, Producer

from data.brokers import Brokers
from data.record_writer import Headers, Refusals, producer_config
from data.topics import Topics
from stream_app.decode import DeadLetter

OnDelivery = Callable[[KafkaError | None, Message], None]

_FLUSH_SECONDS = 1.0
_CLIPPED_BYTES = 64 * 1024


class DeadLetterPublisher:
    """One producer for all partitions of a worker."""

    def __init__(self, brokers: Brokers, topics: Topics) -> None:
        self._producer = Producer(producer_config(brokers))
        self._topics = topics
        self._refusals = Refusals()

    async def publish(self, letters: Iterable[DeadLetter], log_id: str, partition: int) -> None:
        """Queue records that could not be applied: the original bytes, with headers saying where from and why.

        One that the broker finds too large is published without most of its bytes; Postgres has them all.
        """
        for letter in letters:
            headers: Headers = [
                ("segue-reason", letter.reason.encode()),
                ("segue-topic", self._topics.transactions.encode()),
                ("segue-partition", str(partition).encode()),
                ("segue-offset", str(letter.offset).encode()),
                ("segue-log-id", log_id.encode()),
            ]
            clip = partial(self._clip, letter, headers)
            await self._send(self._topics.dead_letters, letter.key, letter.value, headers, clip)

    async def delivered(self) -> None:
        """Wait until the broker has everything queued so far.

        Raises
        ------
        WriteError
            If the broker has refused a message for good.
        """
        while await asyncio.to_thread(self._producer.flush, _FLUSH_SECONDS):
            self._refusals.check()
        self._refusals.check()

    async def _send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        noted = self._refusals.note
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=on_delivery or noted, headers=headers)
            except BufferError:
                self._refusals.check()
                await asyncio.to_thread(self._producer.poll, 0.1)
            else:
                return

    def _clip(self, letter: DeadLetter, headers: Headers, error: KafkaError | None, message: Message) -> None:
        """Publish a dead letter again that was refused for its size or a neighbour's; a large one in part."""
        if error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            key, value = letter.key and letter.key[:_CLIPPED_BYTES], letter.value
            if value is not None and len(value) > _CLIPPED_BYTES:
                headers = [*headers, ("segue-clipped-from", str(len(value)).encode())]
                value = value[:_CLIPPED_BYTES]
            topic, noted = self._topics.dead_letters, self._refusals.note
            self._producer.produce(topic, value, key, on_delivery=noted, headers=headers)
        else:
            self._refusals.note(error, message)
