"""Writing what became of records: transactions into the log, and dead letters into their topic."""

from collections.abc import Callable
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from data.kafka.record_writer import Headers, WriteError, producer_config
from runtime.brokers import Brokers

_POLL_SECONDS = 0.1
_CLIPPED_BYTES = 64 * 1024
_TOO_LARGE = KafkaError.MSG_SIZE_TOO_LARGE

TooLarge = Callable[[], None]
"""Called if a record is too large for its topic even when it is alone in its request."""


class KafkaSink:
    """An idempotent producer with ``acks=all``; :meth:`flush` returns when Kafka has everything."""

    def __init__(self, brokers: Brokers, log_topic: str, dead_letter_topic: str) -> None:
        self._log_topic, self._dead_letter_topic = log_topic, dead_letter_topic
        own = {"acks": "all", "delivery.report.only.error": False, "log_level": 2}
        self._producer = Producer(producer_config(brokers) | own)
        self._refused: WriteError | None = None
        self._again: list[Callable[[], None]] = []

    def transaction(self, key: bytes, value: bytes, source: str, too_large: TooLarge) -> None:
        """Queue a transaction. ``source`` is the place of the record that it was made from."""
        self._send(self._log_topic, key, value, [("segue-source", source.encode())], too_large)

    def dead_letter(self, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Queue a record that can't be used, as it was; one that is too large for the topic is cut."""
        cut = partial(self._cut_dead_letter, key, value, headers)
        self._send(self._dead_letter_topic, key, value, headers, cut)

    def flush(self, is_over: Callable[[], bool]) -> bool:
        """Wait until Kafka has everything; False if ``is_over`` ends the waiting before.

        Raises
        ------
        WriteError
            If Kafka refuses a record permanently.
        """
        while True:
            left = self._producer.flush(_POLL_SECONDS)
            if self._refused is not None:
                raise self._refused
            if not left and not self._again:
                return True
            if not left:
                self._again.pop(0)()
            elif is_over():
                return False

    def close(self) -> None:
        """Drop what Kafka does not have; it will be written again."""
        self._producer.purge()
        self._producer.flush(_POLL_SECONDS)

    def _send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        too_large: TooLarge,
        alone: bool = False,
    ) -> None:
        again = partial(self._send, topic, key, value, headers, too_large, alone=True)
        report = partial(self._delivered, too_large if alone else partial(self._again.append, again))
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=report, headers=headers)
            except BufferError:
                self._producer.poll(_POLL_SECONDS)
                if self._refused is not None:
                    raise self._refused from None
            except KafkaException as error:
                if error.args[0].code() != _TOO_LARGE:
                    raise
                too_large()
                return
            else:
                return

    def _delivered(self, too_large: TooLarge, error: KafkaError | None, message: Message) -> None:
        if error is None:
            return
        # A broker refuses a whole request because of one record, so each is sent once more in a request of its own.
        if error.code() == _TOO_LARGE:
            too_large()
        else:
            self._refused = self._refused or WriteError(f"{message.topic()}: {error.str()}")

    def _cut_dead_letter(self, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        begin, size = (value or b"")[:_CLIPPED_BYTES], len(value or b"")
        self._send(
            self._dead_letter_topic,
            key and key[:_CLIPPED_BYTES],
            begin,
            [*headers, ("segue-clipped-from", str(size).encode())],
            partial(self._give_up, size),
        )

    def _give_up(self, size: int) -> None:
        self._refused = WriteError(f"{self._dead_letter_topic}: Kafka refuses a dead letter of {size:,} bytes")
