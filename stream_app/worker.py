"""One stream worker: connects everything, runs until told to stop."""

import os
import socket
from functools import partial
from threading import Timer
from typing import Any

import faust
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_fixed

from data.kafka.log import Log, LogIdentity, UnreachableError, check_partitions, create_topics, is_gap
from data.kafka.partitioner import partition_of
from data.postgres.database import engine
from data.postgres.model_registry import champion_version
from runtime.brokers import Brokers
from runtime.health import WebServer
from runtime.topics import Topics
from stream_app.health import Health
from stream_app.metrics import Metrics
from stream_app.outbox.change_writer import ChangeWriter
from stream_app.outbox.dead_letter_publisher import DeadLetterPublisher
from stream_app.outbox.topic_end import last_committed
from stream_app.partitions.faust_app import create_app
from stream_app.partitions.layout import check_layout
from stream_app.partitions.lifecycle import WorkerContext

log = structlog.get_logger(__name__)

_LEAVE_SECONDS = 12.0
_LOOK_SECONDS = 0.5


def run_worker(
    *,
    brokers: Brokers,
    database_url: str,
    topics: Topics,
    group: str,
    log_id: str | None,
    partitions: int,
    currency: str,
    batch_size: int,
    session_timeout: float,
    exactly_once: bool,
    worker_id: str | None,
    web_host: str,
    web_port: int,
) -> None:
    """Process transactions until SIGINT or SIGTERM; exits the process.

    Waits for the broker, for Postgres and for a first model where they are not there yet.

    Parameters
    ----------
    partitions
        Of the topics that are created where they are missing; 0 creates none.
    exactly_once
        Whether the broker has transactions to publish changes in.
    web_host, web_port
        Where health and metrics are served from the beginning on; port 0 serves nothing.

    Raises
    ------
    LogError
        If the topics are not what they should be, or don't have as many partitions as what is stored was made with.
    """
    metrics = Metrics()
    health = Health(metrics)
    if web_port:
        WebServer(health).start(web_host, web_port)
    identity = _patiently(UnreachableError)(_identity, brokers, topics, log_id, partitions)
    postgres = engine(database_url)
    _patiently(OperationalError)(check_layout, postgres, identity.partitions)
    _patiently(OperationalError, LookupError)(_champion, postgres)
    postgres.dispose()
    shared = WorkerContext(
        database_url=database_url,
        log_id=identity.log_id,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        currency=currency,
        batch_size=batch_size,
        stand_back_seconds=session_timeout,
        open_writer=partial(ChangeWriter, brokers, topics, exactly_once),
        last_event=partial(last_committed, brokers, topics.changes),
        open_dead_letters=partial(DeadLetterPublisher, brokers, topics, identity.log_id),
        metrics=metrics,
        partitions=identity.partitions,
        partition_of=partial(partition_of, partitions=identity.partitions),
        is_gap=partial(is_gap, brokers, topics.transactions),
    )
    app = create_app(
        brokers=brokers,
        topic=topics.transactions,
        group=group,
        shared=shared,
        session_timeout=session_timeout,
        worker_id=worker_id,
        batch_size=batch_size,
    )
    log.info("worker starting", log_id=identity.log_id, partitions=identity.partitions, owner=shared.owner)
    app.task(health.beat)
    app.on_before_shutdown.connect(_leave_in_time)
    worker = faust.Worker(app, override_logging=False, redirect_stdouts=False, quiet=True)
    # It turns even where there is no terminal.
    worker.spinner = None
    worker.execute_from_commandline()


def _leave_in_time(*_: Any, **__: Any) -> None:
    """End the process if ending it takes too long: clients that can't say goodbye to a broker wait for it for minutes.

    Nothing is lost by it: what was committed is in Postgres, and what was not published will be.
    """
    timer = Timer(_LEAVE_SECONDS, os._exit, [1])
    timer.daemon = True
    timer.start()


def _identity(brokers: Brokers, topics: Topics, log_id: str | None, partitions: int) -> LogIdentity:
    if partitions:
        create_topics(brokers, topics.configuration, partitions)
    source = Log(brokers, topics.transactions)
    try:
        identity = source.identity(log_id)
    finally:
        source.close()
    check_partitions(brokers, topics.configuration, identity.partitions)
    return identity


def _champion(postgres: Engine) -> str:
    """Nothing can be segmented before there is a model; wait for one, as a service that starts first should."""
    version = champion_version(postgres)
    if version is None:
        raise LookupError("there is no model yet: run `segue fit DATASET`")
    return version


def _patiently(*expected: type[Exception]) -> Retrying:
    """Try again and again while something that comes by itself is not there; say what, the first time."""
    return Retrying(
        wait=wait_fixed(_LOOK_SECONDS),
        retry=retry_if_exception_type(expected),
        before_sleep=_say_once,
    )


def _say_once(state: RetryCallState) -> None:
    if state.attempt_number == 1 and state.outcome is not None:
        log.warning("waiting", reason=str(state.outcome.exception()).strip().splitlines()[0])
