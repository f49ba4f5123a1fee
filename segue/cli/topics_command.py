"""``segue topics``: create the topics that are missing."""

from typing import Annotated

import typer

from data.kafka.log import create_topics
from runtime.settings import Settings
from segue.cli.console import fail, messages, output, table


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(topics)


def topics(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be created.")] = False,
) -> None:
    """Create the topics that are missing in Kafka, as the settings describe them. Existing ones stay as they are.

    Workers and producers create missing topics, too, unless SEGUE_PARTITIONS is 0. Use this command where they have no
    right to do so: run it once, as a user who may create topics.
    """
    settings = Settings()
    wanted = settings.topics
    if not settings.partitions:
        fail("SEGUE_PARTITIONS is 0: set it to the number of partitions")
    replicas = wanted.durability.replicas
    rows = [
        [
            name,
            str(settings.partitions),
            "the broker's" if replicas is None else str(replicas),
            " ".join(f"{key}={value}" for key, value in sorted(configuration.items())),
        ]
        for name, configuration in wanted.configuration.items()
    ]
    output.print(table("Topics", ["topic", "partitions", "replicas", "configuration"], rows))
    if not dry_run:
        create_topics(settings.brokers, wanted.configuration, settings.partitions, replicas)
        messages.print("All topics are there. `segue doctor` compares the configuration of those that existed before.")
