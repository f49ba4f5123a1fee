"""The two loops that are measured: the stages of Segue's worker, and those of the hand-written loop."""

import hashlib
from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

import msgspec

from benchmarks.compare.model import the_model
from benchmarks.compare.programs import plain_tables
from benchmarks.compare.programs.profiles import Invoice, Profiles
from benchmarks.stages.measured import Stages
from data.contract.event_encoder import EventEncoder
from data.contract.risk_encoder import encode_risk
from data.kafka.partitioner import partition_of
from stream_app.core.apply import PartitionProgress, apply_batch
from stream_app.core.change_rows import change_rows
from stream_app.core.decode import decode
from stream_app.core.risk_columns import ActiveRhythm
from stream_app.core.risk_rows import risk_rows
from stream_app.storage.connection import Connect
from stream_app.storage.unit_of_work import PartitionStore

PARTITIONS = 4
_LOG, _CURRENCY = "log", "GBP"
_decode = msgspec.json.Decoder(Invoice).decode
_encode = msgspec.json.Encoder().encode


class Record(NamedTuple):
    """A record of the log."""

    offset: int
    key: bytes
    value: bytes
    timestamp: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class Worker:
    """One partition of Segue's worker. ``digest`` is that of the events of all its changes, in any order.

    ``rhythm`` decides risk states, if there is one.
    """

    def __init__(self, connect: Connect, partition: int, stages: Stages, rhythm: ActiveRhythm | None = None) -> None:
        self._stages = stages
        self._rhythm = rhythm
        self._store = PartitionStore(connect, partition)
        self._model = the_model()
        self._personas = {segment.id: segment.name for segment in self._model.segments}
        self._progress: PartitionProgress
        self.digest = 0

    async def open(self) -> None:
        """Claim the partition."""
        await self._store.open()
        self._progress = await self._store.claim(_LOG, "benchmark", _CURRENCY)

    async def apply(self, records: Sequence[Record]) -> None:
        """One unit of work, and the events of its changes."""
        stage, progress, model = self._stages.stage, self._progress, self._model
        with stage("decode"):
            [batch] = decode(records, _CURRENCY)
        with stage("load"):
            due = len(records) + 1
            stored = await self._store.load(batch, model, progress.watermark, due=due, rhythm=self._rhythm)
        with stage("apply"):
            result = apply_batch(batch, stored, model, progress, partial(partition_of, partitions=PARTITIONS))
            changes, risks = change_rows(batch, result, progress), risk_rows(batch, result, progress)
        with stage("save"):
            published = progress.published_position
            self._progress = await self._store.save(batch, result, changes, progress, published, risks)
        with stage("encode events"):
            _, events = EventEncoder(self._personas, _LOG).encode(changes)
            _, risk_events = encode_risk(risks, self._personas, _LOG)
        for event in chain(events, risk_events):
            self.digest ^= int.from_bytes(hashlib.sha256(repr(event).encode()).digest())

    async def close(self) -> None:
        """Disconnect."""
        await self._store.close()


class HandWritten:
    """The hand-written loop that publishes changes, without Kafka."""

    def __init__(self, database: str, stages: Stages) -> None:
        self._stages = stages
        self._connection = plain_tables.connect(database)
        self._profiles = Profiles(the_model(), {})

    def apply(self, records: Sequence[Record]) -> None:
        """One batch."""
        stage = self._stages.stage
        with stage("decode"):
            invoices = [_decode(record.value) for record in records]
        with stage("apply"):
            touched, changes = self._profiles.apply(invoices)
        with stage("save"):
            plain_tables.save(self._connection, touched, changes, len(invoices))
        with stage("encode events"):
            for change in changes:
                _encode(change._asdict())

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()
