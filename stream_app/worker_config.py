"""Everything that a worker's environment configures, in one immutable value."""

from dataclasses import dataclass, field
from datetime import timedelta

from runtime.brokers import Brokers
from runtime.topics import Topics


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """The configuration of one worker.

    Attributes
    ----------
    log_id
        The identity of the log; None asks the broker.
    partitions_to_create
        The number of partitions of the topics that the worker creates where they are missing; 0 creates none.
    max_ahead
        How far an event time may be after its record's Kafka timestamp.
    control_keys
        The keys with which ticks, models and erasures may be signed; without a key, they need no signature.
    batch_size
        The most records in a micro-batch.
    session_timeout
        Seconds after which the consumer group gives the partitions of a silent worker to others.
    exactly_once
        Whether the broker has Kafka transactions in which changes can be published.
    worker_id
        A name that the worker keeps when it restarts; None joins the consumer group as a new member.
    web_host, web_port
        The address of health and metrics; port 0 serves neither.
    """

    brokers: Brokers
    database_url: str
    topics: Topics
    consumer_group: str
    log_id: str | None
    partitions_to_create: int
    currency: str
    max_ahead: timedelta
    control_keys: tuple[bytes, ...] = field(repr=False)
    batch_size: int
    session_timeout: float
    exactly_once: bool
    worker_id: str | None
    web_host: str
    web_port: int
