"""The one way into a partition of the change topic: whoever opens it last has it alone, and knows where it ends."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import KafkaException

from data.log import create_topics
from data.partitions import partition_of
from models.units import to_micros
from segue import following
from segue.settings import Settings
from segue.stack.stack import BrokerKind, Stack
from stream_app.change_writer import ChangeWriter
from stream_app.changes import ChangeRow

PARTITION = 2
CUSTOMERS = [str(number) for number in range(12_000, 12_100) if partition_of(str(number), 4) == PARTITION]
PERSONAS = {"best": "Best", "lost": "Lost"}


@pytest.fixture(params=["apache", "embedded"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    broker: BrokerKind = request.param
    with Stack(tmp_path, broker):
        settings = Settings(state_dir=tmp_path)
        if settings.partitions:
            create_topics(settings.brokers, settings.topics.configuration, settings.partitions)
        yield settings


def writer(settings: Settings) -> ChangeWriter:
    opened = ChangeWriter(settings.brokers, settings.topics, settings.exactly_once, PARTITION)
    opened.open()
    return opened


def change(position: int) -> ChangeRow:
    """The position-th change of a partition: customers enter one after the other, and then move on."""
    customer, round_ = position % len(CUSTOMERS), position // len(CUSTOMERS)
    at = to_micros(datetime(2011, 1, 1 + round_, tzinfo=UTC))
    came_from = "best" if round_ else None
    return ChangeRow(
        position,
        CUSTOMERS[customer],
        round_ + 1,
        came_from,
        "lost",
        "decay",
        at,
        9,
        1,
        15_000,
        "m",
        None,
    )


def published(settings: Settings) -> list[tuple[str, int]]:
    changes = map(following.change, following.topic(settings, follow=False))
    return [(change.customer_id, change.sequence) for change in changes]


def test_the_end_of_the_topic_tells_what_was_published_last(settings: Settings) -> None:
    first = writer(settings)
    assert first.last() is None
    rows = [change(position) for position in range(40)]
    first.write(rows[:30], PERSONAS)
    first.write(rows[30:], PERSONAS)
    last = first.last()
    assert last is not None
    assert (last.customer_id, last.sequence, last.to.persona) == (rows[-1].customer_id, rows[-1].sequence, "Lost")
    assert published(settings) == [(row.customer_id, row.sequence) for row in rows]


def test_who_opens_the_way_later_shuts_out_who_had_it_before(settings: Settings) -> None:
    if not settings.exactly_once:
        pytest.skip("the embedded broker has no transactions")
    before = writer(settings)
    before.write([change(0)], PERSONAS)
    after = writer(settings)
    with pytest.raises(KafkaException, match="fenced"):
        before.write([change(1)], PERSONAS)
    last = after.last()
    assert last is not None
    assert last.customer_id == change(0).customer_id
    after.write([change(1)], PERSONAS)
    assert published(settings) == [(change(n).customer_id, 1) for n in range(2)]


def test_a_writer_that_is_closed_gives_up_soon_and_leaves_nothing_to_be_seen(settings: Settings) -> None:
    closed = writer(settings)
    closed.close()
    with pytest.raises(KafkaException, match="closed"):
        closed.write([change(0)], PERSONAS)
    closed.discard()
    if settings.exactly_once:
        assert writer(settings).last() is None
        assert published(settings) == []
