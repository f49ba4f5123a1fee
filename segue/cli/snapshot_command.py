"""``segue publish-snapshot``: publish every customer's segment again."""

import typer

from data.kafka.log import Log, create_topics
from data.kafka.record_writer import WriteError
from data.postgres.database import engine
from runtime.counts import many
from runtime.settings import Settings
from segue.cli.auditing import recorded
from segue.cli.console import fail, messages, spinner


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="publish-snapshot")(publish)


def publish() -> None:
    """Publish every customer's segment again, marked as a snapshot, so that subscribers can repair their state.

    The command writes to the topic of customer segments. It may run at any time, also while workers run. It fills that
    topic again after a broker has lost it.
    """
    from stream_app.outbox.snapshot import publish_snapshot

    settings = Settings()
    if settings.partitions:
        topics = settings.topics
        create_topics(settings.brokers, topics.configuration, settings.partitions, topics.durability.replicas)
    log = Log(settings.brokers, settings.segments_topic)
    log.identity(settings.log_id)
    log.close()
    try:
        postgres = engine(settings.database)
        with recorded(postgres, "publish-snapshot", settings.segments_topic) as found, spinner("Publishing"):
            found["customers"] = count = publish_snapshot(postgres, settings.brokers, settings.segments_topic)
    except WriteError as error:
        fail(f"the broker refuses a record: {error}")
    messages.print(f"{many(count, 'customer')} published to {settings.segments_topic}")
