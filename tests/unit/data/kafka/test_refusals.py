"""A record that a broker refuses because of its size is named, and not those of its batch."""

from typing import Any

import msgspec
import pytest
from confluent_kafka import KafkaError

from data.kafka.record_writer import Refusals, TooLargeError, WriteError
from producers.log_writer import LogWriter
from runtime.brokers import Brokers
from runtime.errors import Hint
from runtime.topics import LARGEST_RECORD
from tests.support.builders import changed

TOO_LARGE, OTHER = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)


class Reported:
    """A message as a delivery report has it."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def topic(self) -> str:
        return "t"

    def key(self) -> bytes:
        return b"c"

    def value(self) -> bytes:
        return self._value


def _refused(*reports: tuple[KafkaError, Any]) -> WriteError:
    refusals = Refusals()
    for error, message in reports:
        refusals.note(error, message)
    with pytest.raises(WriteError) as refused:
        refusals.check()
    return refused.value


def test_of_a_refused_batch_the_largest_record_is_named() -> None:
    small, large = Reported(b"small"), Reported(b"large" * 1_000)
    for order in ((small, large), (large, small)):
        error = _refused(*((TOO_LARGE, each) for each in order))
        assert isinstance(error, TooLargeError)
        assert error.value == large.value()
        assert "5,000 bytes: raise max.message.bytes" in str(error)


def test_another_refusal_does_not_hide_the_record_that_is_too_large() -> None:
    large, small = Reported(b"large"), Reported(b"s")
    assert isinstance(_refused((TOO_LARGE, large), (OTHER, small)), TooLargeError)
    assert isinstance(_refused((OTHER, small), (TOO_LARGE, large)), TooLargeError)
    assert not isinstance(_refused((OTHER, small)), TooLargeError)


def test_an_invoice_beyond_the_producers_own_limit_is_named_with_what_to_do() -> None:
    writer = LogWriter(Brokers("127.0.0.1:1"), "segue.transactions.v1", 1)
    value = changed(transaction_id="799999", customer_id="wholesale", country="x" * (LARGEST_RECORD + 1))
    with pytest.raises(WriteError) as refused:
        writer.transaction(b"wholesale", value)
    message = str(refused.value)
    assert "invoice 799999 of customer wholesale" in message
    assert "max.message.bytes of the topic segue.transactions.v1" in message
    assert refused.value.hint is Hint.RAISE_THE_LIMIT
    assert msgspec.json.decode(value)["transaction_id"] == "799999"
