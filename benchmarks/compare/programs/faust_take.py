"""Faust as its documentation shows it: an agent over ``stream.take()``, with the hand-written loop's state and tables.

A Faust table would write a changelog in addition, and be slower.
"""

from typing import Any

import faust
import msgspec

from benchmarks.compare.programs import plain_tables
from benchmarks.compare.programs.handwritten import SESSION_MS, Publisher
from benchmarks.compare.programs.job import Job, this_job
from benchmarks.compare.programs.profiles import Invoice, Profiles

_BATCH = 5_000
_WITHIN_SECONDS = 0.1


def app_of(job: Job) -> faust.App:
    """The app with its agent."""
    app = faust.App(
        job.group,
        broker=[f"kafka://{server}" for server in job.servers.split(",")],
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=SESSION_MS / 1_000,
        broker_heartbeat_interval=SESSION_MS / 3_000,
        datadir=job.folder,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        value_serializer="raw",
    )
    source = app.topic(job.topic, value_serializer="raw")
    decode = msgspec.json.Decoder(Invoice).decode
    connection = plain_tables.connect(job.database)
    profiles = Profiles(job.model, plain_tables.stored(connection))
    publisher = Publisher(job)

    @app.agent(source)
    async def apply(stream: Any) -> None:
        async for values in stream.take(_BATCH, within=_WITHIN_SECONDS):
            touched, changes = profiles.apply([decode(value) for value in values])
            plain_tables.save(connection, touched, changes, len(values))
            publisher.publish(changes)

    return app


def main() -> None:
    """Apply records until SIGTERM."""
    worker = faust.Worker(app_of(this_job()), override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
