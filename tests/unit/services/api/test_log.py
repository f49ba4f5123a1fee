"""What a client of the API hears when Kafka does not take its transactions."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from runtime.brokers import Brokers
from services.api.checking import Encoded
from services.api.log import AcknowledgedLog, BusyError, RefusedError

RECORD = Encoded(key=b"c1", value=b"{}")
FATAL = KafkaError(KafkaError._FATAL, "sequence numbers do not match", fatal=True)


class Producer:
    """A client that answers each record with an error or, if it is None, with an acknowledgement."""

    def __init__(self, answer: KafkaError | None) -> None:
        self._answer = answer
        self._reports: list[Callable[[KafkaError | None, Any], None]] = []
        self._changed = threading.Event()

    def __len__(self) -> int:
        return len(self._reports)

    def produce(self, *_arguments: Any, on_delivery: Callable[[KafkaError | None, Any], None]) -> None:
        self._reports.append(on_delivery)
        self._changed.set()

    def poll(self, seconds: float) -> int:
        self._changed.wait(seconds)
        while self._reports:
            self._reports.pop(0)(self._answer, None)
        return 0

    def flush(self, _seconds: float) -> int:
        return 0

    def purge(self) -> None:
        return


class FailingProducer(Producer):
    """A client that has a fatal error with its first record."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(KafkaError(KafkaError._PURGE_INFLIGHT))
        self._error: BaseException | None = error

    def poll(self, seconds: float) -> int:
        if self._error is not None and self._changed.wait(seconds):
            error, self._error = self._error, None
            raise error
        return super().poll(seconds)


@contextmanager
def log(*producers: Producer) -> Iterator[AcknowledgedLog]:
    left: list[Any] = list(producers)
    opened = AcknowledgedLog(Brokers("broker:1"), "transactions", lambda _: left.pop(0))
    try:
        yield opened
    finally:
        opened.close(1)
    assert not left


def write(to: AcknowledgedLog) -> None:
    asyncio.run(to.write([RECORD], 300))


def test_a_record_that_kafka_has_is_acknowledged() -> None:
    with log(Producer(None)) as kafka:
        write(kafka)


def test_a_record_that_is_too_large_is_refused() -> None:
    with log(Producer(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))) as kafka, pytest.raises(RefusedError, match="large"):
        write(kafka)


@pytest.mark.parametrize(
    "error", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._MSG_TIMED_OUT]
)
def test_records_must_be_sent_again_if_kafka_takes_none(error: int) -> None:
    with log(Producer(KafkaError(error))) as kafka, pytest.raises(BusyError, match="does not take the transactions"):
        write(kafka)


@pytest.mark.parametrize("error", [KafkaException(FATAL), SystemError("returned NULL without setting an exception")])
def test_after_a_fatal_error_of_the_client_a_new_one_takes_the_records(error: BaseException) -> None:
    with log(FailingProducer(error), Producer(None)) as kafka:
        with pytest.raises(BusyError):
            write(kafka)
        write(kafka)
