"""Publishing, step 3: the committed changes at the end of a partition of the change topic, as the log itself shows.

Kafka ends each Kafka transaction with a transaction marker behind its records. This module reads all records and all
markers, and decides from them alone. It does not read as a consumer of committed records, which depends on the broker's
list of aborted transactions (docs/mechanisms/outbox.md).
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

from data.kafka.tokens import async_tokens
from runtime.brokers import Brokers
from stream_app.core.log_record import LogRecord
from stream_app.outbox.changes_ahead import ChangesAhead
from stream_app.outbox.row_kinds import SEGMENT_CHANGES, AnyKind
from stream_app.storage.outbox import ChangeKey

# A broker that does not answer is a fault like any other: the relay starts again after a back-off.
_REQUEST_MS = 5_000
# Only offsets below the end are asked for, so an answer hardly ever waits for records.
_WAIT_MS = 100
# The brokers' usual limit of a batch; a longer one arrives all the same.
_BYTES = 1024 * 1024
# The published position is usually a few changes old: the first request is enough then. Growing fourfold, all reads
# together take at most a third more than the last one, which overshoots fourfold at most.
_FIRST_LOOK_BACK = 64
_LOOK_BACK_GROWTH = 4
_READ_UNCOMMITTED = 0
_EARLIEST, _LATEST = -2, -1


class HangingTransactionError(RuntimeError):
    """A transaction in the log has no transaction marker; ``key`` and ``value`` are those of its last record."""

    def __init__(self, key: bytes | None, value: bytes | None) -> None:
        super().__init__("a transaction in the change topic has no end")
        self.key, self.value = key, value


class RecordBatch(Protocol):
    """Records that a producer sent together, or a transaction marker that the broker wrote."""

    producer_id: int
    is_transactional: bool
    is_control_batch: bool

    def __iter__(self) -> Iterator[LogRecord]:
        """The records."""


class PartitionReader(Protocol):
    """Reads a partition of the change topic: its batches, whether they are committed or not."""

    async def first_offset(self) -> int:
        """The offset of the first record."""

    async def end_offset(self) -> int:
        """The end offset, behind records that are not committed, too."""

    async def batches(self, offset: int) -> list[Any]:
        """Batches (:class:`RecordBatch`, with ``base_offset`` and ``next_offset``) from the one with an offset on."""


class CommittedRecords:
    """Finds the committed records among batches that are added in the order of the log.

    ``aborted`` are the records of the Kafka transaction that the last batch has aborted, if it has aborted one.
    """

    def __init__(self) -> None:
        self._open: dict[int, list[LogRecord]] = {}
        self.aborted: list[LogRecord] = []

    def add(self, batch: RecordBatch) -> list[LogRecord]:
        """Add the next batch; returns the records that it commits, in order."""
        records, self.aborted = list(batch), []
        if batch.is_control_batch:
            ended = self._open.pop(batch.producer_id, [])
            if ControlRecord.parse(records[-1].key or b"") == COMMIT_MARKER:
                return ended
            self.aborted = ended
            return []
        if batch.is_transactional:
            self._open.setdefault(batch.producer_id, []).extend(records)
            return []
        return records

    def raise_if_hanging(self) -> None:
        """Raise HangingTransactionError if a transaction has no transaction marker."""
        for records in self._open.values():
            raise HangingTransactionError(records[-1].key, records[-1].value)


async def changes_behind(
    brokers: Brokers, topic: str, partition: int, last_published: ChangeKey | None, kind: AnyKind = SEGMENT_CHANGES
) -> ChangesAhead:
    """The committed changes of a partition behind the ``last_published`` one; all of them if that is None.

    If the topic does not have that change, these are all its changes, and ``found`` is false.

    Raises
    ------
    HangingTransactionError
        If a transaction has no transaction marker.
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
        sasl_oauth_token_provider=async_tokens(brokers),
    )
    try:
        await client.bootstrap()
        await client.set_topics([topic])
        return await read_changes_behind(_Partition(client, topic, partition), last_published, kind=kind)
    finally:
        await client.close()


async def read_changes_behind(
    reader: PartitionReader,
    last_published: ChangeKey | None,
    first_look_back: int = _FIRST_LOOK_BACK,
    kind: AnyKind = SEGMENT_CHANGES,
) -> ChangesAhead:
    """The committed changes behind a change, as :func:`changes_behind` returns them.

    Reads ever more of the partition's end, until the change is in it: usually it is in the first part, which has
    ``first_look_back`` offsets.
    """
    first, end = await reader.first_offset(), await reader.end_offset()
    look_back = end - first if last_published is None else first_look_back
    while True:
        start = max(first, end - look_back)
        ahead = await _changes_between(reader, start, end, ChangesAhead(last_published, kind))
        if start == first or (ahead.found and last_published is not None):
            return ahead
        look_back *= _LOOK_BACK_GROWTH


async def _changes_between(reader: PartitionReader, start: int, end: int, ahead: ChangesAhead) -> ChangesAhead:
    committed, offset = CommittedRecords(), start
    while offset < end:
        for batch in await reader.batches(offset):
            if batch.base_offset < end:
                for record in committed.add(batch):
                    ahead.add(record.value)
                ahead.add_aborted([record.value for record in committed.aborted])
            offset = max(offset, batch.next_offset)
    committed.raise_if_hanging()
    return ahead


class _Partition:
    """Reads a partition from its leading broker."""

    def __init__(self, client: AIOKafkaClient, topic: str, partition: int) -> None:
        self._client, self._topic, self._partition = client, topic, partition

    async def first_offset(self) -> int:
        """The offset of the first record."""
        return await self._offset(_EARLIEST)

    async def end_offset(self) -> int:
        """The end offset, behind records that are not committed, too."""
        return await self._offset(_LATEST)

    async def batches(self, offset: int) -> list[Any]:
        """Batches from the one with an offset on."""
        partitions = [(self._topic, [(self._partition, offset, _BYTES)])]
        answer = await self._send(FetchRequest(_WAIT_MS, 1, _BYTES, _READ_UNCOMMITTED, partitions))
        ((_, ((_, error, *_, data),)),) = answer.topics
        if error:
            raise for_code(error)(f"reading {self._topic}-{self._partition}")
        records, batches = MemoryRecords(data), []
        while records.has_next():
            batches.append(records.next_batch())
        return batches

    async def _offset(self, which: int) -> int:
        answer = await self._send(OffsetRequest(-1, _READ_UNCOMMITTED, [(self._topic, [(self._partition, which)])]))
        ((_, ((_, error, _, offset),)),) = answer.topics
        if error:
            raise for_code(error)(f"asking for the offsets of {self._topic}-{self._partition}")
        return int(offset)

    async def _send(self, request: Any) -> Any:
        leader = self._client.cluster.leader_for_partition(TopicPartition(self._topic, self._partition))
        if leader is None or leader == -1:
            raise LeaderNotAvailableError(f"{self._topic}-{self._partition}")
        return await self._client.send(leader, request)
