"""Writes the assignments of a campaign to their topic, all of them or none, and the tombstones of forgotten customers.

Postgres is the truth: a campaign is stored there first, then written here, then marked as published. After a crash in
between, writing again looks first whether the topic has the campaign: with Kafka transactions it has all of it or
nothing. A broker without them may have a part; the rest is written, and what is repeated has the same key and value.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException, Message, Producer

from data.contract.campaign_events import assignment_event, assignment_key
from data.contract.change_events import EVENT_HEADERS
from data.kafka.partitioner import partition_of
from data.kafka.read_to_end import read_topic
from data.kafka.record_writer import Refusals, WriteError, producer_config
from data.postgres.campaigns import Campaign, CampaignMember
from runtime.brokers import Brokers

_TRANSACTION_MS = 60_000
_CALL_SECONDS = 30.0
_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 30.0
_GROUP = "segue-campaigns"


class CampaignTopic:
    """The topic of assignments.

    Parameters
    ----------
    partitions
        As many as all topics have: an assignment is in the partition of its customer.
    transactional
        Whether the broker has Kafka transactions.
    """

    def __init__(self, brokers: Brokers, topic: str, partitions: int, transactional: bool) -> None:
        self._brokers, self._topic, self._partitions = brokers, topic, partitions
        self._transactional = transactional

    def write(self, campaign: Campaign, members: Iterable[CampaignMember]) -> bool:
        """Write the assignments of a campaign, unless the topic has them; returns whether they were written now.

        Raises
        ------
        WriteError
            If the broker refuses a record or does not answer.
        UnreachableError
            If no broker answers.
        """
        with _reported(self._topic):
            producer, refusals = self._open(f"{self._topic}-{campaign.name}")
            if self._transactional and self._has(campaign.name):
                return False
            if self._transactional:
                producer.begin_transaction()
            for member in members:
                key = assignment_key(campaign.name, member.customer_id)
                self._send(producer, member.customer_id, key, _event(campaign, member))
            _finish(producer, refusals, self._transactional)
        return True

    def forget(self, campaigns: Iterable[str], customer_id: str) -> None:
        """Write a tombstone for a customer in each campaign, whether the customer was in it or not.

        Raises
        ------
        WriteError
            If the broker refuses a record or does not answer.
        """
        with _reported(self._topic):
            producer, refusals = self._open(None)
            for name in campaigns:
                self._send(producer, customer_id, assignment_key(name, customer_id), None)
            _finish(producer, refusals, False)

    def _open(self, transactional_id: str | None) -> tuple[Producer, Refusals]:
        refusals = Refusals()
        config = producer_config(self._brokers) | {
            "message.timeout.ms": _TRANSACTION_MS,
            "on_delivery": refusals.note,
        }
        if not self._transactional or transactional_id is None:
            return Producer(config), refusals
        producer = Producer(config | {"transactional.id": transactional_id, "transaction.timeout.ms": _TRANSACTION_MS})
        # Ends what an earlier process has left open, so that nothing of it appears after the look below.
        producer.init_transactions(_CALL_SECONDS)
        return producer, refusals

    def _has(self, campaign: str) -> bool:
        """Whether a committed assignment of a campaign is in the topic."""
        begins = assignment_key(campaign, "")
        found = read_topic(self._brokers, self._topic, _GROUP, patience=_PATIENCE_SECONDS)
        return any(_is_assignment(message, begins) for message in found)

    def _send(self, producer: Producer, customer_id: str, key: bytes, value: bytes | None) -> None:
        partition = partition_of(customer_id, self._partitions)
        while True:
            try:
                producer.produce(self._topic, value, key, partition, headers=EVENT_HEADERS)
            except BufferError:
                producer.poll(_POLL_SECONDS)
            else:
                return


def _event(campaign: Campaign, member: CampaignMember) -> bytes:
    return assignment_event(
        campaign.name,
        member.customer_id,
        held_out=member.held_out,
        segment=member.segment,
        started_at=campaign.started_at,
        ends_at=campaign.ends_at,
    )


def _is_assignment(message: Message, begins: bytes) -> bool:
    key = message.key()
    return isinstance(key, bytes) and key.startswith(begins) and message.value() is not None


def _finish(producer: Producer, refusals: Refusals, transactional: bool) -> None:
    left = producer.flush(_CALL_SECONDS)
    refusals.check()
    if left:
        raise WriteError("the broker does not answer")
    if transactional:
        producer.commit_transaction(_CALL_SECONDS)


@contextmanager
def _reported(topic: str) -> Iterator[None]:
    """Errors of the client as errors for people."""
    try:
        yield
    except KafkaException as error:
        raise WriteError(f"{topic}: {error.args[0].str()}") from error
