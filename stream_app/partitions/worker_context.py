"""What all partition tasks of a worker share."""

import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from data.kafka.partition_log import PartitionLog
from stream_app.metrics import Metrics
from stream_app.outbox.catch_up import ChangesBehind
from stream_app.outbox.change_writer import ChangeWriter
from stream_app.outbox.dead_letter_publisher import DeadLetterPublisher
from stream_app.outbox.relay import one_thread
from stream_app.partition_status import Clock
from stream_app.storage.connection import Connect, Database
from stream_app.worker_config import WorkerConfig


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The configuration of a worker, and what it found out and created when it started.

    Attributes
    ----------
    log_id
        The identity that the log had when the worker started.
    owner
        The name under which the worker claims partitions.
    partitions
        The number of partitions that the log had when the worker started. The worker does not claim later ones, since
        customers would move into them.
    partition_of
        The partition of a customer id.
    read_log
        The state of the log of a partition (first argument) now, with the record at an offset (second argument).
    is_gap
        Whether a partition (first argument) has no records from one offset up to another one.
    new_writer, changes_behind, new_risk_writer, risk_changes_behind, new_dead_letter_publisher
        Access to the topics for one partition.
    connect
        Connects to Postgres; None connects to the URL of the configuration.
    clock
        Seconds that only grow.
    new_thread
        Creates what runs blocking calls one after another, from a name.
    finish_seconds
        How long a partition that is released waits for its changes to be published.
    """

    config: WorkerConfig
    log_id: str
    owner: str
    partitions: int
    metrics: Metrics
    partition_of: Callable[[str], int]
    read_log: Callable[[int, int | None], PartitionLog]
    is_gap: Callable[[int, int, int], bool]
    new_writer: Callable[[int], ChangeWriter]
    changes_behind: ChangesBehind
    new_risk_writer: Callable[[int], ChangeWriter]
    risk_changes_behind: ChangesBehind
    new_dead_letter_publisher: Callable[[int], DeadLetterPublisher]
    connect: Connect | None = None
    clock: Clock = time.monotonic
    new_thread: Callable[[str], Executor] = one_thread
    finish_seconds: float = 5.0

    @property
    def database(self) -> Database:
        """What the stores connect to."""
        return self.connect or self.config.database_url
