"""Questions about a topic that was created a moment ago."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from data.kafka.log import Log, UnreachableError
from runtime.brokers import Brokers


class Answers:
    """A client whose answers are given: the end offset of a partition, or an error."""

    def __init__(self, *answers: int | KafkaException) -> None:
        self._left = list(answers)

    def get_watermark_offsets(self, _place: TopicPartition, timeout: float) -> tuple[int, int]:
        answer = self._left.pop(0)
        if isinstance(answer, KafkaException):
            raise answer
        return 0, answer


def log(*answers: int | KafkaException) -> Log:
    client: Any = Answers(*answers)
    return Log(Brokers("broker:1"), "t", client)


@pytest.mark.parametrize("error", [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE])
def test_the_end_of_a_partition_is_known_as_soon_as_the_partition_has_a_leader(error: int) -> None:
    none_yet = KafkaException(KafkaError(error))
    assert log(none_yet, 7, none_yet, none_yet, 9).ends(2) == [7, 9]


def test_another_error_says_that_the_broker_can_not_be_reached() -> None:
    with pytest.raises(UnreachableError, match="can't reach a broker at broker:1"):
        log(KafkaException(KafkaError(KafkaError._TRANSPORT))).ends(1)
