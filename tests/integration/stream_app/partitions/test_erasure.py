"""A partition task on a real Postgres forgets a customer: nothing but a hash is left, and nobody comes back."""

import asyncio
from dataclasses import replace

import msgspec
import psycopg
import pytest
from psycopg import sql

from data.contract.wire import Erasure, Transaction
from data.postgres import erasures
from data.postgres.database import engine
from stream_app.partitions.partition_task import PartitionTask
from tests.support.builders import tick, transaction
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import Record, logs
from tests.support.partition_tasks import anywhere, claiming, committed, wait_for, worker_context

GONE = "customer-to-be-gone"
BAD = msgspec.structs.replace(transaction(8, 4, customer=GONE), currency="EUR")
BEFORE: list[Transaction] = [
    transaction(1, 0, customer=GONE),
    transaction(2, 1, customer="d"),
    transaction(3, 3, customer=GONE),
]
RECORDS = logs([*BEFORE, BAD, tick(30), Erasure(GONE), transaction(4, 31, customer=GONE), BAD, tick(90)], 1)[0]


def everywhere(database: str) -> list[str]:
    """The tables and columns that still show the customer."""
    found = []
    with psycopg.connect(database) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
        ).fetchall()
        for table, column in columns:
            names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
            query = sql.SQL("SELECT count(*) FROM {table} WHERE {column}::text LIKE %s OR {column}::text LIKE %s")
            texts = [f"%{GONE}%", f"%{GONE.encode().hex()}%"]
            row = connection.execute(query.format(**names), texts).fetchone()
            if row is not None and row[0]:
                found.append(f"{table}.{column}")
    return found


async def process(database: str, topic: ChangeTopic, records: list[Record], at_a_time: int = 100) -> None:
    """Run a task until it has applied the records and published everything."""
    task = PartitionTask(worker_context(database, topic), 0, anywhere)
    async with claiming(task):
        for start in range(0, len(records), at_a_time):
            part = records[start : start + at_a_time]
            task.offer(part)
            await wait_for(lambda part=part: committed(database)[0] > part[-1].offset)  # type: ignore[misc]
        owner = engine(database)
        await wait_for(lambda: not erasures.waits_for_tombstone(owner, GONE))
        owner.dispose()


@pytest.mark.parametrize("at_a_time", [1, 4, 100])
def test_nothing_is_left_but_a_hash_and_the_topic_ends_with_a_tombstone(database: str, at_a_time: int) -> None:
    topic = ChangeTopic()
    asyncio.run(process(database, topic, RECORDS, at_a_time))
    assert everywhere(database) == []
    assert [row.is_tombstone for row in topic.rows if row.customer_id == GONE][-1]
    assert {row.customer_id for row in topic.rows if not row.is_tombstone} >= {"d"}
    totals = erasures.totals(engine(database))
    assert (totals.customers, totals.transactions, totals.dropped) == (1, 2, 2)
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT change_position, published_position, dead_letters FROM stream_progress"
        ).fetchone()
        assert row is not None
        assert row[0] == row[1]
        # The dead letter that was there before is counted, and deleted.
        assert row[2] == 1


def test_reading_the_log_again_brings_nobody_back(database: str) -> None:
    topic = ChangeTopic()
    asyncio.run(process(database, topic, RECORDS))
    before = len(topic.rows)
    again = [replace(record, offset=record.offset + len(RECORDS)) for record in RECORDS]
    asyncio.run(process(database, topic, again))
    assert everywhere(database) == []
    assert len(topic.rows) == before
    assert erasures.totals(engine(database)).customers == 1


@pytest.mark.parametrize(
    "value",
    [
        msgspec.json.encode(BAD),
        b'{"customer_id": "customer-to-be-gone", "amount": broken',
        b'{"customer_id" :  "customer-to-be-gone"}',
        rb'{"customer_id":"customer\u002dto-be-gone"}',
        rb'{"customer\u005fid":"customer-to-be-gone"}',
    ],
)
def test_a_dead_letter_is_deleted_however_the_id_is_written(database: str, value: bytes) -> None:
    others = [b"\xff\\", b"[" * 100_000 + b"\\", rb'{"customer_id":"\u0000"}', b"null\\", rb'{"customer_id":"other\\"}']
    with psycopg.connect(database) as connection:
        insert = 'INSERT INTO dead_letters (log_id, partition, "offset", reason, value) VALUES (%s, 3, %s, %s, %s)'
        for offset, bytes_ in enumerate([*others, value]):
            connection.execute(insert, ["log", offset, "not valid", bytes_])
    asyncio.run(process(database, ChangeTopic(), [replace(RECORDS[5], offset=0)]))
    with psycopg.connect(database) as connection:
        left = connection.execute("SELECT value FROM dead_letters").fetchall()
    assert {bytes(row[0]) for row in left} == set(others)


def test_a_number_as_an_id_is_found_too(database: str) -> None:
    with psycopg.connect(database) as connection:
        insert = 'INSERT INTO dead_letters (log_id, partition, "offset", reason, value) VALUES (%s, 3, %s, %s, %s)'
        for offset, value in enumerate([b'{"customer_id": 13085}', b'{"customer_id": 130851}']):
            connection.execute(insert, ["log", offset, "Expected `str`, got `int`", value])
    asyncio.run(process(database, ChangeTopic(), logs([Erasure("13085")], 1)[0]))
    with psycopg.connect(database) as connection:
        assert connection.execute('SELECT "offset" FROM dead_letters').fetchall() == [(1,)]


def test_a_repeated_erasure_deletes_dead_letters_that_have_come_since(database: str) -> None:
    topic = ChangeTopic()
    asyncio.run(process(database, topic, RECORDS))
    with psycopg.connect(database) as connection:
        # A producer with another partitioner sent it to a partition that does not know who is forgotten.
        elsewhere = 'INSERT INTO dead_letters (log_id, partition, "offset", reason, value) VALUES (%s, 3, 9, %s, %s)'
        connection.execute(elsewhere, ["log", "another partition", msgspec.json.encode(BAD)])
    assert everywhere(database) == ["dead_letters.value"]
    erasure = replace(RECORDS[5], offset=len(RECORDS))
    asyncio.run(process(database, topic, [erasure]))
    assert everywhere(database) == []
