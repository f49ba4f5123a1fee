"""A partition task on a real Postgres publishes its risk changes, to a topic in memory, exactly once and in order."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from data.contract.wire import Erasure
from data.postgres import erasures, model_registry, progress
from data.postgres.database import engine
from models.rhythm.carried import carrying
from stream_app.metrics import Metrics
from stream_app.outbox.row_kinds import RISK_CHANGES
from stream_app.partitions.partition_task import PartitionTask
from tests.support.builders import recency_model, tick, transaction
from tests.support.in_memory_change_topic import ChangeTopic, InMemoryWriter
from tests.support.in_memory_worker import Message, Record, logs
from tests.support.partition_tasks import anywhere, claiming, committed, wait_for, worker_context
from tests.support.rhythm import a_rhythm

RECORDS = logs(
    [
        transaction(1, 0),
        transaction(2, 3, customer="d"),
        tick(30),
        tick(400),
        transaction(3, 401, customer="e"),
        transaction(4, 402),
        tick(900),
    ],
    1,
)[0]
SET_BACK = """
TRUNCATE customers, transactions, segment_changes, risk_states, risk_changes;
UPDATE stream_progress SET next_offset = 0, event_time = NULL, change_position = 0, published_position = 0,
  risk_position = 0, risk_published_position = 0, last_offset = NULL, last_timestamp = NULL, last_checksum = NULL
"""


class RiskTopic(ChangeTopic):
    """A topic of risk changes that counts how many writers were opened for it."""

    def __init__(self) -> None:
        super().__init__(RISK_CHANGES)
        self.writers = 0

    def writer(self, partition: int) -> InMemoryWriter:
        """A writer for the partition."""
        self.writers += 1
        return super().writer(partition)


@pytest.fixture
def predicting(migrated_url: str) -> str:
    """The URL of a database whose champion carries a rhythm model."""
    model_registry.register(engine(migrated_url), carrying(recency_model(), a_rhythm()))
    return migrated_url


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query).fetchall()


def positions(database: str) -> tuple[int, int]:
    """The position of the last risk change, and the stored published one."""
    ((last, published),) = rows(database, "SELECT risk_position, risk_published_position FROM stream_progress")
    return last, published


def stored(database: str) -> list[tuple[Any, ...]]:
    """Customer, sequence and state of all risk changes, in the order of the outbox."""
    return rows(database, "SELECT customer_id, sequence, to_state FROM risk_changes ORDER BY position")


def keys(topic: ChangeTopic) -> list[tuple[Any, ...]]:
    return [(row.customer_id, row.sequence, row.to_state) for row in topic.rows]


def process(database: str, risk: RiskTopic, records: Sequence[Record] = RECORDS, at_a_time: int = 100) -> Metrics:
    """Run a task until it has applied the records, published everything, and saved the published positions."""
    context = worker_context(database, ChangeTopic(), risk_topic=risk)
    owner = engine(database)

    async def work() -> None:
        task = PartitionTask(context, 0, anywhere)
        async with claiming(task):
            for start in range(0, len(records), at_a_time):
                part = records[start : start + at_a_time]
                task.offer(part)
                await wait_for(lambda part=part: committed(database)[0] > part[-1].offset)  # type: ignore[misc]
            await wait_for(lambda: progress.unpublished(owner) == 0)

    asyncio.run(work())
    owner.dispose()
    return context.metrics


@pytest.mark.parametrize("at_a_time", [1, 3, 100])
def test_every_risk_change_is_published_once_in_order_and_noted(predicting: str, at_a_time: int) -> None:
    risk = RiskTopic()
    metrics = process(predicting, risk, at_a_time=at_a_time)
    assert keys(risk) == stored(predicting)
    assert risk.positions == list(range(1, len(risk.rows) + 1))
    assert {row.cause for row in risk.rows} == {"first_purchase", "purchase", "silence"}
    assert positions(predicting) == (len(risk.rows), len(risk.rows))
    silence = metrics.registry.get_sample_value("segue_risk_changes_total", {"cause": "silence"})
    assert silence == sum(row.cause == "silence" for row in risk.rows)


def test_what_was_committed_and_not_published_is_published_by_the_next_owner(predicting: str) -> None:
    risk = RiskTopic()
    context = replace(worker_context(predicting, ChangeTopic(), risk_topic=risk), finish_seconds=0.1)

    async def die() -> None:
        risk.failing_openings = 1_000
        task = PartitionTask(context, 0, anywhere)
        async with claiming(task):
            task.offer(RECORDS)
            await wait_for(lambda: committed(predicting)[0] == len(RECORDS))

    asyncio.run(die())
    assert risk.rows == []
    assert positions(predicting)[0] > 0
    risk.failing_openings = 0
    process(predicting, risk, [])
    assert keys(risk) == stored(predicting)


def test_segment_changes_go_on_while_risk_changes_cannot_be_published(predicting: str) -> None:
    changes, risk = ChangeTopic(), RiskTopic()
    risk.failing_openings = 1_000
    context = worker_context(predicting, changes, risk_topic=risk)

    async def work() -> None:
        task = PartitionTask(context, 0, anywhere)
        async with claiming(task):
            task.offer(RECORDS)
            await wait_for(lambda: committed(predicting)[0] == len(RECORDS))
            await wait_for(lambda: len(changes.rows) == committed(predicting)[1])
            risk.failing_openings = 0
            await wait_for(lambda: len(risk.rows) == positions(predicting)[0])

    asyncio.run(work())
    assert keys(risk) == stored(predicting)


@pytest.mark.parametrize("at_a_time", [1, 100])
def test_nothing_is_published_twice_after_postgres_was_set_back(predicting: str, at_a_time: int) -> None:
    risk = RiskTopic()
    process(predicting, risk, at_a_time=3)
    published = keys(risk)
    rows_before = stored(predicting)
    with psycopg.connect(predicting) as connection:
        connection.execute(SET_BACK)
    metrics = process(predicting, risk, at_a_time=at_a_time)
    assert keys(risk) == published
    assert sorted(stored(predicting)) == sorted(rows_before)
    assert positions(predicting) == (len(published), len(published))
    assert metrics.registry.get_sample_value("segue_published_risk_changes_differ_total") == 0
    assert rows(predicting, "SELECT risk_changes_ahead FROM stream_progress") == [(0,)]


def test_a_running_worker_notices_that_postgres_was_set_back(predicting: str) -> None:
    risk = RiskTopic()
    context = worker_context(predicting, ChangeTopic(), risk_topic=risk)

    async def work() -> None:
        task = PartitionTask(context, 0, anywhere)
        async with claiming(task):
            task.offer(RECORDS)
            await wait_for(lambda: positions(predicting)[1] == positions(predicting)[0] > 0)
            with psycopg.connect(predicting) as connection:
                connection.execute(SET_BACK)
            await wait_for(lambda: task.next_offset == 0 and task.claimed.is_set())
            task.offer(RECORDS)
            await wait_for(lambda: positions(predicting)[1] == positions(predicting)[0] > 0)

    asyncio.run(work())
    assert sorted(keys(risk)) == sorted(stored(predicting))


def test_a_rescoring_chunk_that_postgres_lost_is_noticed(predicting: str) -> None:
    # Such a chunk may have risk changes only, and advances no offset.
    risk = RiskTopic()
    process(predicting, risk)
    before = positions(predicting)[0]
    context = worker_context(predicting, ChangeTopic(), risk_topic=risk)

    async def work() -> None:
        task = PartitionTask(context, 0, anywhere)
        async with claiming(task):
            with psycopg.connect(predicting) as connection:
                connection.execute("DELETE FROM risk_changes WHERE position = %s", [before])
                connection.execute("UPDATE stream_progress SET risk_position = risk_position - 1")
            await wait_for(lambda: context.metrics.registry.get_sample_value("segue_fencings_total") == 1)

    asyncio.run(work())


def test_a_model_without_a_rhythm_model_opens_no_writer_of_risk_changes(database: str) -> None:
    risk = RiskTopic()
    process(database, risk)
    assert (risk.writers, risk.rows, positions(database)) == (0, [], (0, 0))


@pytest.mark.parametrize("at_a_time", [1, 100])
def test_a_forgotten_customer_has_no_risk_changes_and_leaves_a_gap(predicting: str, at_a_time: int) -> None:
    risk = RiskTopic()
    messages: list[Message] = [
        transaction(1, 0, customer="gone"),
        transaction(2, 1, customer="d"),
        tick(400),
        Erasure("gone"),
        transaction(3, 401, customer="gone"),
        tick(900),
    ]
    records = logs(messages, 1)[0]
    process(predicting, risk, records, at_a_time)
    assert {customer for customer, *_ in stored(predicting)} == {"d"}
    assert rows(predicting, "SELECT DISTINCT customer_id FROM risk_states") == [("d",)]
    last, published = positions(predicting)
    assert last == published
    assert [row for row in keys(risk) if row[0] == "d"] == stored(predicting)
    # The log repeats the customer and the erasure: nobody waits for what the topic has of them.
    with psycopg.connect(predicting) as connection:
        connection.execute(SET_BACK + "; TRUNCATE erasures")
    process(predicting, risk, records, 1)
    assert len(set(keys(risk))) == len(risk.rows)
    assert [row for row in keys(risk) if row[0] == "d"] == stored(predicting)
    last, published = positions(predicting)
    assert last == published


def test_the_risk_changes_that_are_deleted_with_a_forgotten_customer_are_counted(predicting: str) -> None:
    risk = RiskTopic()
    records = logs([transaction(1, 0, customer="gone"), tick(400), Erasure("gone"), Erasure("gone")], 1)[0]
    process(predicting, risk, records[:2])
    number = len(stored(predicting))
    assert number > 1
    process(predicting, risk, records[2:])
    assert stored(predicting) == []
    assert erasures.totals(engine(predicting)).risk_changes == number


def test_risk_changes_carry_the_log_that_they_come_from(predicting: str) -> None:
    risk = RiskTopic()
    process(predicting, risk)
    assert set(risk.log_ids) == {"log"}
