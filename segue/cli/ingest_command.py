"""``segue ingest``: read orders that are already in Kafka."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data.kafka.log import create_topics
from runtime import logs
from runtime.settings import Settings
from segue.cli import options, reading_options
from segue.cli.console import fail, messages, output
from segue.cli.own_topics import refuse_own_topic
from segue.cli.stopping import stop_by_signal

if TYPE_CHECKING:
    from data.datasets.mapping import Mapping
    from services.ingest.mapped_records import RecordReader
    from services.ingest.sampling import Sampled

_MOST_SHOWN = 100_000


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(ingest)


def ingest(
    topic: Annotated[
        str, typer.Option(parser=options.topic_name, metavar="TOPIC", help="The Kafka topic with the orders.")
    ],
    mapping: Annotated[
        Path,
        typer.Option(metavar="FILE", help="A mapping (TOML) that says how the records are read; see docs/ingest.md."),
    ],
    set_: reading_options.Settings = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Consumer group, whose offsets say how far the topic has been read; a new one reads it from its "
            "beginning. By default `segue-ingest-` and the topic.",
        ),
    ] = None,
    dry_run: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=_MOST_SHOWN,
            help="Only show how the first N records would be understood; write nothing.",
        ),
    ] = None,
) -> None:
    """Read orders that are already in a Kafka topic into the stream, until Ctrl-C.

    One record is one order: plain JSON, Debezium or Kafka Connect. A record that can't be mapped becomes a dead letter;
    `segue dlq list --topic TOPIC` lists them. Nothing is lost or counted twice if this process is killed. Several of
    them share the partitions of the topic. The mapping is checked before the first record is written.
    """
    from services.ingest.checking import check
    from services.ingest.mapped_records import RecordReader
    from services.ingest.sampling import newest, oldest, require_topic

    how = reading_options.mapping_of(mapping, set_)
    settings = Settings()
    _check(topic, how, settings)
    reader = RecordReader(how, settings.currency)
    name = group or f"segue-ingest-{topic}"
    require_topic(settings.brokers, topic)
    if dry_run is not None:
        _show(reader, oldest(settings.brokers, topic, name, dry_run))
        return
    sampled = [*oldest(settings.brokers, topic, name), *newest(settings.brokers, topic, name)]
    looked_at = {(record.partition, record.offset): record.value for record in sampled}
    for note in check(reader, how, [*looked_at.values()]).notes:
        messages.print(note, style="yellow", markup=False, soft_wrap=True)
    if settings.partitions:
        create_topics(settings.brokers, settings.topics.configuration, settings.partitions)
    else:
        require_topic(settings.brokers, settings.transactions_topic)
    _run(reader, topic, name, settings)


def _check(topic: str, mapping: "Mapping", settings: Settings) -> None:
    from data.datasets.presets import complete

    if not mapping.preset:
        complete(mapping, [*mapping.columns.named().values()], "mapping")
    refuse_own_topic(topic, "--topic", settings)
    if mapping.money.currency not in ("", settings.currency):
        fail(
            f"the mapping's amounts are in {mapping.money.currency}, and the stream's in {settings.currency} "
            "(SEGUE_CURRENCY): they can't be added up"
        )


def _show(reader: "RecordReader", records: "list[Sampled]") -> None:
    from services.ingest.preview import preview

    for line in preview(reader, records):
        output.print(line, markup=False)
    if not records:
        messages.print("The topic has no records yet.")


def _run(reader: "RecordReader", topic: str, group: str, settings: Settings) -> None:
    from runtime.health import WebServer
    from services.ingest.health import IngestHealth
    from services.ingest.service import IngestService
    from services.ingest.sink import KafkaSink
    from services.ingest.source import KafkaSource

    logs.configure(settings.secrets)
    health = IngestHealth()
    service = IngestService(
        reader,
        lambda: KafkaSource(
            settings.brokers, topic, group, settings.session_timeout, health, settings.log_id, settings.worker_id
        ),
        lambda: KafkaSink(settings.brokers, settings.transactions_topic, settings.dead_letters_topic),
        health,
    )

    stop_by_signal(service.stop)
    if settings.web_port:
        WebServer(health).start(settings.web_host, settings.web_port)
    messages.print(f"Ingesting {topic} as group {group} · Ctrl-C stops", soft_wrap=True, markup=False)
    service.run()
