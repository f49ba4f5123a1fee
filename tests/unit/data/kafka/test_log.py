"""Questions about topics: about one that was created a moment ago, and where no broker is."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from data.kafka.log import Log, UnreachableError, check_reachable, topic_names
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


@pytest.mark.parametrize("ask", [topic_names, check_reachable])
def test_brokers_that_all_refuse_connections_are_not_waited_for(
    ask: Callable[[Brokers, float], object],
) -> None:
    # Nothing listens on these ports.
    with pytest.raises(UnreachableError, match=r"can't reach a broker at 127\.0\.0\.1:1,127\.0\.0\.1:2"):
        ask(Brokers("127.0.0.1:1,127.0.0.1:2"), 1e6)
