"""Where publishing has come to: the last committed record of a partition, as the log itself tells.

Kafka writes into the log how a transaction ended: a mark behind its records. Reading everything, marks and all, and
looking for them leaves nothing to anybody else's judgement. A consumer of committed records is told by the broker which
ones were aborted, and in a storm one was seen to take an aborted record for the last one.
"""

from collections.abc import Iterator
from typing import Any, Protocol

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import LeaderNotAvailableError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.control_record import COMMIT_MARKER, ControlRecord
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from runtime.brokers import Brokers

_REQUEST_MS = 5_000
_WAIT_MS = 100
_BYTES = 1024 * 1024
_FIRST_LOOK_BACK = 64
_EVERYTHING = 0
_EARLIEST, _LATEST = -2, -1


class UndecidedError(RuntimeError):
    """The log does not say how a transaction ended that is in it; ``key`` and ``value`` are its last record's."""

    def __init__(self, key: bytes | None, value: bytes | None) -> None:
        super().__init__("a transaction in the change topic has no end")
        self.key, self.value = key, value


class Record(Protocol):
    """A record of a batch."""

    offset: int
    key: bytes | None
    value: bytes | None


class Batch(Protocol):
    """Records that a producer sent together, or a mark that the broker wrote."""

    producer_id: int
    is_transactional: bool
    is_control_batch: bool

    def __iter__(self) -> Iterator[Record]:
        """The records."""


class Committed:
    """The last committed record of the batches that were added, in the order of the log."""

    def __init__(self) -> None:
        self._last: Record | None = None
        self._undecided: dict[int, Record] = {}

    def add(self, batch: Batch) -> None:
        """The next batch."""
        *_, last = batch
        if batch.is_control_batch:
            found = self._undecided.pop(batch.producer_id, None)
            if found is not None and ControlRecord.parse(last.key or b"") == COMMIT_MARKER:
                self._last = found if self._last is None or self._last.offset < found.offset else self._last
        elif batch.is_transactional:
            self._undecided[batch.producer_id] = last
        else:
            self._last = last

    def last(self) -> bytes | None:
        """Its value; None if there is none.

        Raises
        ------
        UndecidedError
            If a transaction has no end yet.
        """
        for record in self._undecided.values():
            raise UndecidedError(record.key, record.value)
        return None if self._last is None else self._last.value


async def last_committed(brokers: Brokers, topic: str, partition: int) -> bytes | None:
    """The value of the last committed record of a partition; None if there is none.

    Raises
    ------
    UndecidedError
        If a transaction has no end yet.
    aiokafka.errors.KafkaError
        If the broker can't be reached.
    """
    client = AIOKafkaClient(
        bootstrap_servers=brokers.servers.split(","),
        client_id="segue-topic-end",
        request_timeout_ms=_REQUEST_MS,
        security_protocol=brokers.protocol,
        ssl_context=brokers.tls(),
        sasl_mechanism=brokers.mechanism,
        sasl_plain_username=brokers.username,
        sasl_plain_password=brokers.password,
    )
    try:
        await client.bootstrap()
        await client.set_topics([topic])
        return await _Partition(client, topic, partition).last_committed()
    finally:
        await client.close()


class _Partition:
    """Reads a partition from its leader."""

    def __init__(self, client: AIOKafkaClient, topic: str, partition: int) -> None:
        self._client, self._topic, self._partition = client, topic, partition

    async def last_committed(self) -> bytes | None:
        """Look back further and further; marks take offsets, too."""
        low, high = await self._reach(_EARLIEST), await self._reach(_LATEST)
        back = _FIRST_LOOK_BACK
        while True:
            start = max(low, high - back)
            found = await self._between(start, high)
            if found is not None or start == low:
                return found
            back *= 8

    async def _between(self, start: int, end: int) -> bytes | None:
        committed, position = Committed(), start
        while position < end:
            for batch in await self._batches(position):
                if batch.base_offset < end:
                    committed.add(batch)
                position = max(position, batch.next_offset)
        return committed.last()

    async def _batches(self, offset: int) -> list[Any]:
        asked = [(self._topic, [(self._partition, offset, _BYTES)])]
        answer = await self._send(FetchRequest(_WAIT_MS, 1, _BYTES, _EVERYTHING, asked))
        ((_, ((_, error, *_, data),)),) = answer.topics
        if error:
            raise for_code(error)(f"reading {self._topic}-{self._partition}")
        records, batches = MemoryRecords(data), []
        while records.has_next():
            batches.append(records.next_batch())
        return batches

    async def _reach(self, which: int) -> int:
        answer = await self._send(OffsetRequest(-1, _EVERYTHING, [(self._topic, [(self._partition, which)])]))
        ((_, ((_, error, _, offset),)),) = answer.topics
        if error:
            raise for_code(error)(f"the ends of {self._topic}-{self._partition}")
        return int(offset)

    async def _send(self, request: Any) -> Any:
        leader = self._client.cluster.leader_for_partition(TopicPartition(self._topic, self._partition))
        if leader is None or leader == -1:
            raise LeaderNotAvailableError(f"{self._topic}-{self._partition}")
        return await self._client.send(leader, request)
