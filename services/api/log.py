"""Writing to the log from an event loop: a request is answered when Kafka has its records."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from data.kafka.record_writer import NewProducer, producer_config
from runtime.brokers import Brokers
from services.api.checking import Encoded

#: Records that Kafka has not acknowledged; beyond that the API is busy.
MOST_UNACKNOWLEDGED = 100_000
# Sending the same record again can't mend these. After any other error, such as a missing right, it can.
_OF_THE_RECORD = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_MSG_SIZE,
    KafkaError.INVALID_RECORD,
}

log = structlog.get_logger(__name__)


class BusyError(RuntimeError):
    """Kafka does not take records at present, or not as fast as they come in."""


class RefusedError(RuntimeError):
    """Kafka refuses a record permanently."""


class AcknowledgedLog:
    """Writes records to a topic with ``acks=all``; :meth:`write` returns when Kafka has them."""

    def __init__(self, brokers: Brokers, topic: str, new_producer: NewProducer = Producer) -> None:
        self._topic = topic
        self._new_producer = new_producer
        self._config = producer_config(brokers) | {
            "delivery.report.only.error": False,
            "acks": "all",
            "log_level": 2,
            "linger.ms": 1,
        }
        self._producer = new_producer(self._config)
        self._stopped = False
        self._thread = threading.Thread(target=self._poll, name="acknowledgements", daemon=True)
        self._thread.start()

    async def write(self, records: Sequence[Encoded], seconds: float) -> None:
        """Write records, and wait until Kafka has all of them.

        Raises
        ------
        BusyError
            If Kafka has not acknowledged all of them in time. It may still get them.
        RefusedError
            If Kafka refuses one because of what it is.
        """
        if len(self._producer) + len(records) > MOST_UNACKNOWLEDGED:
            raise BusyError("too many transactions wait for Kafka")
        request = _Request(asyncio.get_running_loop(), len(records))
        try:
            for record in records:
                self._producer.produce(self._topic, record.value, record.key, on_delivery=request.delivered)
        except BufferError:
            raise BusyError("too many transactions wait for Kafka") from None
        except KafkaException as error:
            raise _failure(error.args[0]) from None
        try:
            await asyncio.wait_for(asyncio.shield(request.done), seconds)
        except TimeoutError:
            raise BusyError("Kafka has not acknowledged the transactions") from None

    async def trouble(self) -> str | None:
        """Why the broker can't be reached; None if it can."""
        try:
            await asyncio.to_thread(self._producer.list_topics, self._topic, 2.0)
        except KafkaException as error:
            return f"Kafka: {error.args[0].str()}"
        return None

    def close(self, seconds: float) -> int:
        """Wait for Kafka; returns how many records it does not have."""
        left = int(self._producer.flush(seconds))
        self._stopped = True
        self._thread.join()
        return left

    def _poll(self) -> None:
        while not self._stopped:
            try:
                self._producer.poll(0.1)
            except (KafkaException, SystemError) as error:
                # A producer that has had a fatal error stays unusable. Python may hide such an error in a SystemError.
                log.warning(
                    "the connection to Kafka has failed; a new one is made", reason=str(error.__cause__ or error)
                )
                self._replace()

    def _replace(self) -> None:
        failed, self._producer = self._producer, self._new_producer(self._config)
        with suppress(KafkaException, SystemError):
            # The requests that wait for the failed producer learn that they must send their records again.
            failed.purge()
            failed.poll(0.0)


class _Request:
    """Counts the acknowledgements of one request; its future ends with the last one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self._loop = loop
        self._left = count
        self._refused: KafkaError | None = None
        self.done: asyncio.Future[None] = loop.create_future()

    def delivered(self, error: KafkaError | None, message: Message) -> None:
        """Handle a delivery report; only the polling thread calls this."""
        self._left -= 1
        self._refused = self._refused or error
        if self._left == 0:
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if self.done.done():
            return
        if self._refused is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(_failure(self._refused))


def _failure(error: KafkaError) -> BusyError | RefusedError:
    """The error of a request of which Kafka has not taken a record."""
    if error.code() in _OF_THE_RECORD:
        return RefusedError(error.str())
    return BusyError(f"Kafka does not take the transactions: {error.str()}")
