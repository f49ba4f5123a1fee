"""How many changes a webhook has still to read."""

from collections.abc import Mapping

from data.kafka.log import Log
from data.kafka.read_to_end import read_topic
from runtime.brokers import Brokers

_GROUP = "segue-webhooks"
_PATIENCE = 10.0


def topic_id(brokers: Brokers, topic: str, log_id: str | None) -> str:
    """The log id of a topic of changes; a ``log_id`` that is given replaces the one that the broker reports.

    Raises
    ------
    LogError
        If the broker can't be reached or does not have the topic.
    """
    log = Log(brokers, topic)
    try:
        return log.identity(log_id).log_id
    finally:
        log.close()


def changes_to_read(brokers: Brokers, topic: str, offsets: Mapping[int, int]) -> int:
    """The number of changes behind the next offsets, by partition. Reads and counts them: offsets are no count.

    Raises
    ------
    UnreachableError
        If no broker answers.
    """
    unread = read_topic(brokers, topic, _GROUP, partitions=offsets, patience=_PATIENCE, offsets=dict(offsets))
    return sum(1 for _ in unread)
