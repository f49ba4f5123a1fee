"""Streams of segment changes, from Postgres or from the change topic, as CloudEvents."""

import time
from collections.abc import Iterator
from typing import NewType

from sqlalchemy import Engine, select

from data.contract.change_events import change_event
from data.contract.change_row import ChangeRow
from data.kafka.read_to_end import newest_offsets, read_topic
from data.postgres import model_registry, progress
from data.postgres.database import engine
from data.postgres.tables import segment_changes
from runtime.settings import Settings

_PAGE = 5_000
_GROUP = "segue-changes"
_POLL_SECONDS = 0.5

Positions = NewType("Positions", dict[int, int])
"""By partition, the position of the last change that has been read from the outbox.

Reading continues behind it, and keeps it up to date.
"""

Offsets = NewType("Offsets", dict[int, int])
"""By partition, the offset of the topic at which reading continues; reading keeps it up to date."""


def postgres(
    settings: Settings, follow: bool, customer: str | None, positions: Positions | None = None
) -> Iterator[bytes]:
    """Yield the changes of every partition in order; with ``follow``, wait for more."""
    database = engine(settings.database)
    positions = Positions({}) if positions is None else positions
    while True:
        personas = model_registry.personas(database)
        found = False
        for row in _changes_after(database, positions, customer):
            found = True
            positions[row[0]] = row[1].position
            yield change_event(row[1], personas)
        if not found:
            if not follow:
                return
            time.sleep(_POLL_SECONDS)


def newest(settings: Settings) -> Positions:
    """The positions from which :func:`postgres` yields only changes from now on."""
    partitions = progress.partitions(engine(settings.database))
    return Positions({row.partition: row.change_position for row in partitions})


def topic(settings: Settings, follow: bool, offsets: Offsets | None = None) -> Iterator[bytes]:
    """Yield the change topic from its beginning to its current end; with ``follow``, wait for more."""
    for message in read_topic(settings.brokers, settings.changes_topic, _GROUP, follow=follow, offsets=offsets):
        yield message.value() or b""


def newest_in_topic(settings: Settings) -> Offsets:
    """The offsets from which :func:`topic` yields only changes from now on."""
    return Offsets(newest_offsets(settings.brokers, settings.changes_topic, _GROUP))


def states(settings: Settings) -> Iterator[bytes]:
    """Yield the states in the compacted topic, from its beginning to its current end, without tombstones."""
    for message in read_topic(settings.brokers, settings.segments_topic, "segue-states"):
        if (value := message.value()) is not None:
            yield value


def _changes_after(database: Engine, positions: Positions, customer: str | None) -> Iterator[tuple[int, ChangeRow]]:
    columns = [segment_changes.c[name] for name in ChangeRow._fields]
    for partition in [row.partition for row in progress.partitions(database)]:
        query = select(*columns).where(
            segment_changes.c.partition == partition, segment_changes.c.position > positions.get(partition, 0)
        )
        if customer is not None:
            query = query.where(segment_changes.c.customer_id == customer)
        with database.connect() as connection:
            for row in connection.execute(query.order_by(segment_changes.c.position).limit(_PAGE)):
                yield partition, ChangeRow.of(row)
