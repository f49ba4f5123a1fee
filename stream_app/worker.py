"""One stream worker: connects everything, runs until told to stop."""

import logging
import os
import socket
import time
from functools import partial

import faust
import structlog

from data.database import engine
from data.log import Log, create_topics
from data.partitions import partition_of
from data.registry import champion_version
from data.topics import Topics
from stream_app.faust_app import create_app
from stream_app.lane import Shared
from stream_app.publisher import Publisher

log = structlog.get_logger(__name__)

_LOOK_FOR_MODEL_SECONDS = 0.5


def run_worker(
    *,
    bootstrap_servers: str,
    database_url: str,
    topics: Topics,
    group: str,
    log_id: str | None,
    partitions: int,
    currency: str,
    batch_size: int,
    session_timeout: float,
) -> None:
    """Process transactions until SIGINT or SIGTERM; exits the process.

    Parameters
    ----------
    partitions
        Of the topics that are created where they are missing; 0 creates none.
    """
    if partitions:
        create_topics(bootstrap_servers, topics.configuration, partitions)
    source = Log(bootstrap_servers, topics.transactions)
    identity = source.identity(log_id)
    source.close()
    _wait_for_champion(database_url)
    shared = Shared(
        database_url=database_url,
        log_id=identity.log_id,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        currency=currency,
        batch_size=batch_size,
        publisher=Publisher(bootstrap_servers, topics),
        partition_of=partial(partition_of, partitions=identity.partitions),
    )
    app = create_app(
        bootstrap_servers=bootstrap_servers,
        topic=topics.transactions,
        group=group,
        shared=shared,
        session_timeout=session_timeout,
        batch_size=batch_size,
    )
    log.info("worker starting", log_id=identity.log_id, partitions=identity.partitions, owner=shared.owner)
    faust.Worker(app, loglevel=logging.WARNING, redirect_stdouts=False, quiet=True).execute_from_commandline()


def _wait_for_champion(database_url: str) -> None:
    """Nothing can be segmented before there is a model; wait for one, as a service that starts first should."""
    postgres = engine(database_url)
    said = False
    while champion_version(postgres) is None:
        if not said:
            log.warning("waiting for a model: run `segue fit DATASET`")
            said = True
        time.sleep(_LOOK_FOR_MODEL_SECONDS)
    postgres.dispose()
