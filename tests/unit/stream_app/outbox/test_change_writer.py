"""A writer whose Kafka client has failed says with which error, also where Python has lost the error."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from runtime.brokers import Brokers
from runtime.topics import Topics
from stream_app.outbox.change_writer import ChangeWriter
from tests.support.endless_changes import LOG_ID, PERSONAS, change

TOPICS = Topics("transactions", "changes", "segments", "dead-letters", "drift")
FENCED = KafkaException(KafkaError(KafkaError._FENCED, "fenced by a newer instance", fatal=True))


def _lost() -> SystemError:
    return SystemError("<method 'flush' of 'cimpl.Producer' objects> returned NULL without setting an exception")


def _hidden() -> SystemError:
    error = SystemError("WriteError returned a result with an exception set")
    error.__cause__ = FENCED
    return error


class FailedProducer:
    """A client that has been fenced after its first transaction began: a named call ends with an error of Python."""

    def __init__(self, broken: str, error: SystemError, full: bool) -> None:
        self._broken, self._error, self._full = broken, error, full
        self._begun = False

    def init_transactions(self, _seconds: float) -> None:
        return

    def begin_transaction(self) -> None:
        if self._begun:
            raise FENCED
        self._begun = True

    def produce(self, *_arguments: Any, **_options: Any) -> None:
        if self._full:
            raise BufferError

    def poll(self, _seconds: float) -> int:
        return self._do("poll")

    def flush(self, _seconds: float) -> int:
        return self._do("flush")

    def commit_transaction(self, _seconds: float) -> None:
        self._do("commit")

    def _do(self, call: str) -> int:
        if call == self._broken:
            raise self._error
        return 0


@pytest.mark.parametrize("broken", ["poll", "flush", "commit"])
@pytest.mark.parametrize("error", [_lost, _hidden])
def test_a_fenced_writer_says_that_it_was_fenced(broken: str, error: Callable[[], SystemError]) -> None:
    producer: Any = FailedProducer(broken, error(), full=broken == "poll")
    writer = ChangeWriter(Brokers("broker:1"), TOPICS, True, 0, lambda _: producer)
    writer.open()
    with pytest.raises(KafkaException, match="fenced"):
        writer.write([change(0)], PERSONAS, LOG_ID)


def test_a_writer_without_transactions_says_that_its_producer_has_failed() -> None:
    producer: Any = FailedProducer("flush", _lost(), full=False)
    writer = ChangeWriter(Brokers("broker:1"), TOPICS, False, 0, lambda _: producer)
    writer.open()
    with pytest.raises(KafkaException, match="the producer has failed"):
        writer.write([change(0)], PERSONAS, LOG_ID)
