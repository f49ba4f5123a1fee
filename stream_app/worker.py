"""The composition root of a worker: connects all parts, and runs them until SIGINT or SIGTERM."""

import os
import socket
from functools import partial
from threading import Timer
from typing import Any

import structlog
from sqlalchemy.exc import OperationalError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_fixed

from data.kafka.log import Log, LogIdentity, UnreachableError, check_partitions, create_topics, is_gap
from data.kafka.partition_log import PartitionLogReader
from data.kafka.partitioner import partition_of
from data.postgres import currency, schema_versions
from data.postgres.database import engine
from runtime.errors import first_line
from runtime.health import WebServer
from runtime.oauth import TokenError
from stream_app.health import Health
from stream_app.metrics import Metrics
from stream_app.outbox.change_writer import ChangeWriter
from stream_app.outbox.dead_letter_publisher import DeadLetterPublisher
from stream_app.outbox.row_kinds import RISK_CHANGES
from stream_app.outbox.topic_end import changes_behind
from stream_app.partitions.faust_app import PromptWorker, create_app
from stream_app.partitions.layout import check_layout
from stream_app.partitions.worker_context import WorkerContext
from stream_app.worker_config import WorkerConfig

log = structlog.get_logger(__name__)

_SHUTDOWN_SECONDS = 12.0
_POLL_SECONDS = 0.5


def run_worker(config: WorkerConfig) -> None:
    """Process transactions until SIGINT or SIGTERM; exits the process.

    Waits for the broker and for Postgres where they are not available yet. Without a model, customers are collected,
    and no customer has a segment.

    Raises
    ------
    LogError
        If a topic is not configured as it must be, or the log has another number of partitions than the log that the
        stored data was made from.
    CurrencyError
        If the stored amounts are in another currency.
    SchemaVersionError
        If the worker is too old for the database, or the database for the worker.
    """
    metrics = Metrics()
    health = Health(metrics)
    if config.web_port:
        WebServer(health).start(config.web_host, config.web_port)
    identity = _wait_for(UnreachableError, TokenError)(_identity, config)
    postgres = engine(config.database_url)
    _wait_for(OperationalError)(schema_versions.check, postgres)
    _wait_for(OperationalError)(check_layout, postgres, identity.partitions)
    _wait_for(OperationalError)(currency.keep, postgres, config.currency)
    postgres.dispose()
    context = _context(config, identity, metrics)
    app = create_app(context)
    log.info("worker starting", log_id=identity.log_id, partitions=identity.partitions, owner=context.owner)
    app.task(health.beat)
    app.on_before_shutdown.connect(_limit_shutdown)
    worker = PromptWorker(app, override_logging=False, redirect_stdouts=False, quiet=True)
    # Faust's spinner would write to the log even without a terminal.
    worker.spinner = None
    worker.execute_from_commandline()


def _context(config: WorkerConfig, identity: LogIdentity, metrics: Metrics) -> WorkerContext:
    brokers, topics = config.brokers, config.topics
    return WorkerContext(
        config=config,
        log_id=identity.log_id,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        partitions=identity.partitions,
        metrics=metrics,
        partition_of=partial(partition_of, partitions=identity.partitions),
        read_log=PartitionLogReader(brokers, topics.transactions, config.log_id).read,
        is_gap=partial(is_gap, brokers, topics.transactions),
        new_writer=partial(ChangeWriter, brokers, topics, config.exactly_once),
        changes_behind=partial(changes_behind, brokers, topics.changes),
        new_risk_writer=partial(ChangeWriter, brokers, topics, config.exactly_once, kind=RISK_CHANGES),
        risk_changes_behind=partial(changes_behind, brokers, topics.risk_changes, kind=RISK_CHANGES),
        new_dead_letter_publisher=partial(DeadLetterPublisher, brokers, topics, identity.log_id),
    )


def _limit_shutdown(*_: Any, **__: Any) -> None:
    """End the process if the shutdown takes too long: clients may wait minutes for an unavailable broker.

    No data is lost: committed changes are in Postgres, and the next worker publishes the unpublished ones.
    """
    timer = Timer(_SHUTDOWN_SECONDS, os._exit, [1])
    timer.daemon = True
    timer.start()


def _identity(config: WorkerConfig) -> LogIdentity:
    brokers, topics = config.brokers, config.topics
    if config.partitions_to_create:
        create_topics(brokers, topics.configuration, config.partitions_to_create, topics.durability.replicas)
    source = Log(brokers, topics.transactions)
    try:
        identity = source.identity(config.log_id)
    finally:
        source.close()
    check_partitions(brokers, topics.configuration, identity.partitions)
    return identity


def _wait_for(*expected: type[Exception]) -> Retrying:
    """Repeat a call while it raises one of the expected exceptions; the first one is logged."""
    return Retrying(
        wait=wait_fixed(_POLL_SECONDS),
        retry=retry_if_exception_type(expected),
        before_sleep=_log_first,
    )


def _log_first(state: RetryCallState) -> None:
    if state.attempt_number == 1 and state.outcome is not None:
        log.warning("waiting", reason=first_line(state.outcome.exception()))
