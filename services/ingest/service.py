"""Ingestion as a process: it reads records, writes what they mean, and commits their offsets when Kafka has it.

Records that were handled before a crash may be handled again after it. Their transactions then have the same ids and
the same content, so the ledger of the workers drops them.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from threading import Event
from typing import Protocol

import msgspec
import structlog
from confluent_kafka import KafkaException, Message

from data.contract.dead_letters import dead_letter_headers, one_line_reason
from data.kafka.log import LogError
from data.kafka.record_writer import Headers, WriteError
from runtime.backoff import wait_seconds
from services.ingest.health import IngestHealth
from services.ingest.mapped_records import RecordReader
from services.ingest.outcomes import Passed, Rejected

log = structlog.get_logger(__name__)

_MOST_RECORDS = 1_000
_POLL_SECONDS = 0.5
_LAG_SECONDS, _FIRST_LAG_SECONDS = 5.0, 2.0
_REPORT_SECONDS = 60.0
_STOP_SECONDS = 5.0

_encode = msgspec.json.Encoder().encode


class IngestSource(Protocol):
    """What ingestion needs of :class:`services.ingest.source.KafkaSource`."""

    topic: str
    log_id: str

    def read(self, most: int, seconds: float) -> list[Message]: ...

    def commit(self, records: Sequence[Message]) -> None: ...

    def lag(self) -> int: ...

    def close(self) -> None: ...


class IngestSink(Protocol):
    """What ingestion needs of :class:`services.ingest.sink.KafkaSink`."""

    def transaction(self, key: bytes, value: bytes, source: str, too_large: Callable[[], None]) -> None: ...

    def dead_letter(self, key: bytes | None, value: bytes | None, headers: Headers) -> None: ...

    def flush(self, is_over: Callable[[], bool]) -> bool: ...

    def close(self) -> None: ...


class IngestService:
    """Reads the orders of a topic into the log until it is stopped.

    Parameters
    ----------
    open_source, open_sink
        Connect to Kafka; they are called again after a fault.
    """

    def __init__(
        self,
        reader: RecordReader,
        open_source: Callable[[], IngestSource],
        open_sink: Callable[[], IngestSink],
        health: IngestHealth,
    ) -> None:
        self._reader = reader
        self._open_source = open_source
        self._open_sink = open_sink
        self.health = health
        self._stopped = Event()
        self._reported: Counter[str] = Counter()

    def stop(self) -> None:
        """Make :meth:`run` return soon; safe in a signal handler."""
        self._stopped.set()

    def run(self) -> None:
        """Ingest until :meth:`stop`; wait out faults of Kafka."""
        failures = 0
        while not self._stopped.is_set():
            before = self.health.counts.total()
            try:
                self._connected()
            except (LogError, WriteError, KafkaException) as error:
                failures = 0 if self.health.counts.total() > before else failures
                self._failed(error)
                self._stopped.wait(wait_seconds(failures))
                failures += 1
        self._report()

    def _connected(self) -> None:
        """Ingest with one consumer and one producer, which a fault ends."""
        source = self._open_source()
        try:
            sink = self._open_sink()
            try:
                self._ingest(source, sink)
            finally:
                sink.close()
        finally:
            source.close()

    def _ingest(self, source: IngestSource, sink: IngestSink) -> None:
        # A missing right shows within a moment: until then nobody knows whether ingestion works.
        looked = time.monotonic() - _LAG_SECONDS + _FIRST_LAG_SECONDS
        reported = 0.0
        while not self._stopped.is_set():
            records = source.read(_MOST_RECORDS, _POLL_SECONDS)
            if records and not self._handled(records, source, sink):
                return
            now = time.monotonic()
            if now - looked > _LAG_SECONDS:
                looked = now
                self.health.working(source.lag())
            if now - reported > _REPORT_SECONDS:
                reported = now
                self._report()

    def _handled(self, records: Sequence[Message], source: IngestSource, sink: IngestSink) -> bool:
        """Write what records mean and commit them; False if ingestion was stopped before Kafka had everything."""
        outcomes: Counter[str] = Counter()
        for record in records:
            self._write(record, source, sink, outcomes)
        if not sink.flush(self._is_over()):
            return False
        source.commit(records)
        self.health.handled(outcomes, records[-1].timestamp()[1])
        return True

    def _write(self, record: Message, source: IngestSource, sink: IngestSink, outcomes: Counter[str]) -> None:
        """Queue what a record means, and count what becomes of it."""
        outcome = self._reader.read(record.value())

        def reject(reason: str) -> None:
            outcomes["dead letter"] += 1
            partition, offset = record.partition() or 0, record.offset() or 0
            headers = dead_letter_headers(one_line_reason(reason), source.topic, partition, offset, source.log_id)
            sink.dead_letter(record.key(), record.value(), headers)

        def refused(reason: str) -> None:
            outcomes["transaction"] -= 1
            reject(reason)

        if isinstance(outcome, Passed):
            outcomes[outcome.why] += 1
        elif isinstance(outcome, Rejected):
            reject(outcome.reason)
        else:
            outcomes["transaction"] += 1
            place = f"{source.topic}/{record.partition()}/{record.offset()}"
            for sold in outcome.transactions:
                value = _encode(sold)
                too_large = partial(refused, f"the broker refuses its transaction, which has {len(value):,} bytes")
                sink.transaction(sold.customer_id.encode(), value, place, too_large)

    def _is_over(self) -> Callable[[], bool]:
        """Whether it is time to give up waiting for Kafka, because ingestion was stopped a while ago."""
        deadline: float | None = None

        def is_over() -> bool:
            nonlocal deadline
            if deadline is None and self._stopped.is_set():
                deadline = time.monotonic() + _STOP_SECONDS
            return deadline is not None and time.monotonic() > deadline

        return is_over

    def _report(self) -> None:
        """Log what became of records, if there were any since the last report."""
        if self.health.counts != self._reported:
            self._reported = self.health.counts.copy()
            log.info(
                "records so far", **{outcome.replace(" ", "_"): n for outcome, n in sorted(self._reported.items())}
            )

    def _failed(self, error: Exception) -> None:
        reason = error.args[0].str() if isinstance(error, KafkaException) else str(error)
        if self.health.trouble != reason:
            log.warning("ingestion waits", reason=reason)
        self.health.failed(reason)
