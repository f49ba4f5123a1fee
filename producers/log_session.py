"""A session with the log: the topic's identity and end offsets, a writer, and Postgres.

Model activation and requeued dead letters need no more than this. A replay adds flow control and replay controls
(:mod:`producers.replay_session`).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Engine

from data.kafka.log import Log, LogIdentity, create_topics
from data.postgres import progress
from data.postgres.database import engine
from producers.log_writer import LogWriter
from runtime.brokers import Brokers
from runtime.topics import Topics

_FLUSH_SECONDS = 5.0
_POLL_SECONDS = 1.0


class Connections(Protocol):
    """Where Kafka, its topics and Postgres are; :class:`runtime.settings.Settings` says it.

    ``database`` is a ``postgresql://`` URL.
    """

    @property
    def brokers(self) -> Brokers: ...

    @property
    def topics(self) -> Topics: ...

    @property
    def database(self) -> str: ...


class LogConfig(Connections, Protocol):
    """What a session connects to.

    ``partitions`` is the number of partitions of topics that the session creates; with 0 it creates none. ``log_id``
    replaces the identity that the broker reports. The first of the ``control_keys`` signs control records; without one
    they are not signed.
    """

    @property
    def partitions(self) -> int: ...

    @property
    def log_id(self) -> str | None: ...

    @property
    def control_keys(self) -> tuple[bytes, ...]: ...


@dataclass(frozen=True, slots=True)
class LogSession:
    """Open connections to the transactions topic and to Postgres."""

    identity: LogIdentity
    log: Log
    postgres: Engine
    writer: LogWriter

    def ends(self) -> list[int]:
        """The end offset of each partition."""
        return self.log.ends(self.identity.partitions)


class CurrentOffsets:
    """The next offsets of the log that is there; a topic that is created again is another log."""

    def __init__(self, config: LogConfig, opened: LogSession) -> None:
        self._config = config
        self._opened = opened
        self._log_id = opened.identity.log_id
        self._looked = 0.0

    def __call__(self) -> dict[int, int]:
        """The next offset by partition, for the partitions that have been claimed in this log."""
        offsets = progress.next_offsets(self._opened.postgres, self._log_id)
        now = time.monotonic()
        if len(offsets) < self._opened.identity.partitions and now - self._looked > _POLL_SECONDS:
            self._looked = now
            self._log_id = self._opened.log.identity(self._config.log_id).log_id
        return offsets


@contextmanager
def session(config: LogConfig) -> Iterator[LogSession]:
    """Connect to the log and to Postgres; flush the writer and disconnect at the end.

    Raises
    ------
    LogError
        If no broker answers, or a topic is missing or has the wrong number of partitions.
    WriteError
        If the broker refuses a record.
    """
    topics = config.topics
    if config.partitions:
        create_topics(config.brokers, topics.configuration, config.partitions, topics.durability.replicas)
    log = Log(config.brokers, topics.transactions)
    postgres = engine(config.database)
    try:
        identity = log.identity(config.log_id)
        control_key = next(iter(config.control_keys), None)
        writer = LogWriter(config.brokers, topics.transactions, identity.partitions, control_key)
        yield LogSession(identity, log, postgres, writer)
        writer.flush(_FLUSH_SECONDS)
    finally:
        log.close()
        postgres.dispose()
