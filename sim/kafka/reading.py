"""What a worker asks the broker about its log and about the change topic, in place of the real clients."""

from typing import Any

from aiokafka.errors import KafkaConnectionError

from data.kafka.log import MissingTopicError, UnreachableError
from data.kafka.partition_log import PartitionLog, UndeliveredError
from runtime.record_fingerprint import fingerprint
from sim.kafka.broker import Broker
from sim.kafka.log import SimulatedBatch, SimulatedLog
from sim.world import World

_MOST_BATCHES = 8


class LogQuestions:
    """The blocking questions about the transactions topic: what :mod:`data.kafka` answers from a real broker."""

    def __init__(self, world: World, broker: Broker, topic: str, partitions: int) -> None:
        self._world, self._broker, self._topic, self._partitions = world, broker, topic, partitions

    def read_log(self, partition: int, offset: int | None) -> PartitionLog:
        """As :meth:`data.kafka.partition_log.PartitionLogReader.read`."""
        log = self._asked(partition)
        if log is None:
            raise UnreachableError("no broker answers (simulated)")
        if self._topic not in self._broker.topic_ids:
            raise MissingTopicError("the topic is not there (simulated)")
        record = None
        if offset is not None and log.first_offset <= offset < log.end:
            found = log.record_from(offset)
            if found is None:
                raise UndeliveredError("only markers are left (simulated)")
            record = fingerprint(found.offset, found.timestamp, found.key, found.value)
        log_id = f"sim/{self._broker.topic_ids[self._topic]}"
        return PartitionLog(log_id, self._partitions, log.first_offset, log.end, record)

    def is_gap(self, partition: int, start: int, stop: int) -> bool:
        """As :func:`data.kafka.log.is_gap`."""
        log = self._asked(partition)
        if log is None or start > log.end:
            return False
        records, offset = log.committed(max(start, log.first_offset), 1)
        return (records[0].offset if records else offset) >= stop

    def _asked(self, partition: int) -> SimulatedLog | None:
        fault = self._world.blocking_step("log")
        self._world.loop.block(self._world.latency())
        if self._broker.is_away or fault is not None:
            return None
        return self._broker.logs[self._topic, partition]


class TopicEnd:
    """Reads a partition of the change topic with all its batches (``stream_app.outbox.topic_end.PartitionReader``)."""

    def __init__(self, world: World, broker: Broker, topic: str, partition: int) -> None:
        self._world, self._broker, self._place = world, broker, (topic, partition)

    async def first_offset(self) -> int:
        """The first offset."""
        return (await self._asked()).first_offset

    async def end_offset(self) -> int:
        """The end offset."""
        return (await self._asked()).end

    async def batches(self, offset: int) -> list[Any]:
        """The batches from an offset on."""
        log = await self._asked()
        found: list[SimulatedBatch] = []
        for batch in log.from_offset(offset):
            found.append(batch)
            if len(found) == _MOST_BATCHES:
                break
        return found

    async def _asked(self) -> SimulatedLog:
        fault = await self._world.step("read topic")
        if self._broker.is_away or fault is not None:
            raise KafkaConnectionError("simulated")
        return self._broker.logs[self._place]
