"""The change writer: the last writer that opens a partition owns it and knows its last change."""

import asyncio
import multiprocessing
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import KafkaException

from data.contract import tolerant_reader
from data.kafka.log import create_topics
from runtime.settings import Settings
from segue.local.broker_kind import BrokerKind
from segue.local.stack import Stack
from services import change_stream
from stream_app.outbox.change_writer import ChangeWriter
from stream_app.outbox.row_kinds import RISK_CHANGES
from stream_app.outbox.topic_end import changes_behind
from stream_app.storage.outbox import ChangeKey
from tests.support.committed_changes import risk_change
from tests.support.endless_changes import (
    CUSTOMERS,
    LOG_ID,
    NOT_OPEN,
    PARTITION,
    PERSONAS,
    change,
    keep_writing,
    last,
    opened,
)
from tests.support.kafka_records import stored_records
from tests.support.local_stack import wait_until

KILLS = int(os.environ.get("SEGUE_TEST_WRITER_KILLS", "5"))
MOST_SECONDS_TO_LIVE = 0.8


@pytest.fixture(scope="module", params=["apache", "embedded"])
def state_dir(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The settings of a stack that the tests share."""
    broker: BrokerKind = request.param
    folder = tmp_path_factory.mktemp(broker)
    with Stack(folder, broker):
        yield folder


@pytest.fixture
def settings(state_dir: Path) -> Settings:
    """Settings with a change topic of their own."""
    own = uuid4().hex
    settings = Settings(
        state_dir=state_dir,
        changes_topic=f"changes-{own}",
        segments_topic=f"segments-{own}",
        risk_changes_topic=f"risk-changes-{own}",
    )
    if settings.partitions:
        create_topics(settings.brokers, settings.topics.configuration, settings.partitions)
    return settings


def published(settings: Settings) -> list[tuple[str, int]]:
    changes = map(tolerant_reader.change, change_stream.topic(settings, follow=False))
    return [(change.customer_id, change.sequence) for change in changes if change]


def test_the_end_of_the_topic_gives_the_last_published_change(settings: Settings) -> None:
    first = opened(settings)
    assert last(settings) is None
    rows = [change(position) for position in range(40)]
    first.write(rows[:30], PERSONAS, LOG_ID)
    first.write(rows[30:], PERSONAS, LOG_ID)
    found = last(settings)
    assert found is not None
    assert (found.customer_id, found.sequence, found.to.persona) == (rows[-1].customer_id, rows[-1].sequence, "Lost")
    assert published(settings) == [(row.customer_id, row.sequence) for row in rows]


def test_a_later_writer_fences_the_earlier_one(settings: Settings) -> None:
    if not settings.exactly_once:
        pytest.skip("the embedded broker has no transactions")
    before = opened(settings)
    before.write([change(0)], PERSONAS, LOG_ID)
    after = opened(settings)
    with pytest.raises(KafkaException, match="fenced"):
        before.write([change(1)], PERSONAS, LOG_ID)
    found = last(settings)
    assert found is not None
    assert found.customer_id == change(0).customer_id
    after.write([change(1)], PERSONAS, LOG_ID)
    found = last(settings)
    assert found is not None
    assert found.customer_id == change(1).customer_id
    assert published(settings) == [(change(n).customer_id, 1) for n in range(2)]


def test_a_writer_of_risk_changes_and_one_of_segment_changes_do_not_fence_each_other(settings: Settings) -> None:
    topics = settings.topics
    changes = opened(settings)
    risk = ChangeWriter(settings.brokers, topics, settings.exactly_once, PARTITION, kind=RISK_CHANGES)
    risk.open()
    changes.write([change(0)], PERSONAS, LOG_ID)
    risk.write([risk_change(CUSTOMERS[0], 1), risk_change(CUSTOMERS[1], 1)], {}, LOG_ID)
    changes.write([change(1)], PERSONAS, LOG_ID)
    assert published(settings) == [(change(n).customer_id, 1) for n in range(2)]
    found = stored_records(settings.brokers, topics.risk_changes)
    assert [(record.key, record.partition) for record in found] == [
        (customer.encode(), PARTITION) for customer in CUSTOMERS[:2]
    ]
    behind = changes_behind(settings.brokers, topics.risk_changes, PARTITION, ChangeKey(CUSTOMERS[0], 1), RISK_CHANGES)
    ahead = asyncio.run(behind)
    assert (ahead.found, len(ahead), ahead.last_sequence(CUSTOMERS[1])) == (True, 1, 1)


def test_a_writer_that_is_closed_gives_up_soon_and_leaves_nothing_to_be_seen(settings: Settings) -> None:
    closed = opened(settings)
    closed.close()
    with pytest.raises(KafkaException, match="closed"):
        closed.write([change(0)], PERSONAS, LOG_ID)
    closed.discard()
    if settings.exactly_once:
        opened(settings)
        assert last(settings) is None
        assert published(settings) == []


def test_ending_what_has_no_end_leaves_nothing_to_be_seen(settings: Settings) -> None:
    if not settings.exactly_once:
        pytest.skip("the embedded broker has no transactions")
    writing = opened(settings)
    writing.write([change(0)], PERSONAS, LOG_ID)
    writing.abort_hanging(b"key", b"nothing that anybody should read")
    opened(settings)
    found = last(settings)
    assert found is not None
    assert found.customer_id == change(0).customer_id
    assert published(settings) == [(change(0).customer_id, 1)]


def test_however_often_writers_are_killed_every_change_is_there_once_and_in_order(settings: Settings) -> None:
    if not settings.exactly_once:
        pytest.skip("the embedded broker has no transactions")
    rng, spawn = random.Random(1), multiprocessing.get_context("spawn")
    for _ in range(KILLS):
        begins = spawn.Value("q", NOT_OPEN)
        where = settings.state_dir, settings.changes_topic, settings.segments_topic
        writing = spawn.Process(target=keep_writing, args=(*where, begins), daemon=True)
        writing.start()
        wait_until(lambda begins=begins: begins.value != NOT_OPEN)  # type: ignore[misc]
        # This is no wait: the writers are killed after different lifetimes.
        time.sleep(rng.random() ** 2 * MOST_SECONDS_TO_LIVE)
        assert writing.is_alive()
        writing.kill()
        writing.join()
    opened(settings)
    came = published(settings)
    assert came == [(change(n).customer_id, change(n).sequence) for n in range(len(came))]
    assert len(came) > KILLS
