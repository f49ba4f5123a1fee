"""How many changes a webhook has still to read."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Engine

from data.kafka.log import Log
from data.kafka.read_to_end import read_topic
from data.postgres import webhooks
from runtime.brokers import Brokers
from runtime.errors import SegueError
from runtime.topics import ChangeKind, Topics

_GROUP = "segue-webhooks"
_PATIENCE = 10.0


class Lags(NamedTuple):
    """The lag of each webhook whose offsets fit the present topics, and why a kind of changes has none."""

    by_webhook: dict[str, int]
    troubles: dict[ChangeKind, str]


class ChangeTopics:
    """Questions to the broker about topics of changes; a ``log_id`` that is given replaces the one that it reports."""

    def __init__(self, brokers: Brokers, log_id: str | None) -> None:
        self._brokers, self._log_id = brokers, log_id

    def log_id(self, topic: str) -> str:
        """The log id of a topic.

        Raises
        ------
        LogError
            If the broker can't be reached or does not have the topic.
        """
        log = Log(self._brokers, topic)
        try:
            return log.identity(self._log_id).log_id
        finally:
            log.close()

    def changes_to_read(self, topic: str, offsets: Mapping[int, int]) -> int:
        """The number of changes behind the next offsets, by partition. Reads and counts them: offsets are no count.

        Raises
        ------
        UnreachableError
            If no broker answers.
        """
        unread = read_topic(self._brokers, topic, _GROUP, partitions=offsets, patience=_PATIENCE, offsets=dict(offsets))
        return sum(1 for _ in unread)


def lags(postgres: Engine, names: Topics, kinds: Iterable[ChangeKind], topics: ChangeTopics) -> Lags:
    """The lag of each webhook for some kinds of changes; a topic that can't be read hides no lag of another kind."""
    found = Lags({}, {})
    for kind in kinds:
        topic = names.of_changes(kind)
        try:
            log_id = topics.log_id(topic)
            for webhook, own in webhooks.next_offsets(postgres, log_id, kind).items():
                found.by_webhook[webhook] = topics.changes_to_read(topic, own)
        except SegueError as error:
            found.troubles[kind] = str(error)
    return found
