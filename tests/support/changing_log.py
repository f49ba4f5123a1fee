"""The log of one partition, which a test changes under a worker."""

from data.kafka.log import MissingTopicError
from data.kafka.partition_log import PartitionLog
from runtime.record_fingerprint import fingerprint
from tests.support.in_memory_worker import Record


class Log:
    """A log that a test changes under a worker."""

    def __init__(self, records: list[Record], log_id: str = "log", first: int = 0, partitions: int = 1) -> None:
        self.records, self.log_id, self.first, self.partitions = records, log_id, first, partitions
        self.exists = True

    @property
    def end(self) -> int:
        """The end offset."""
        return self.records[-1].offset + 1 if self.records else self.first

    def read(self, partition: int, offset: int | None) -> PartitionLog:
        """What a worker sees of the log, with the record at an offset."""
        if not self.exists:
            raise MissingTopicError("there is no such topic")
        found = [fingerprint(r.offset, r.timestamp or 0, r.key, r.value) for r in self.records if r.offset == offset]
        return PartitionLog(self.log_id, self.partitions, self.first, self.end, next(iter(found), None))
