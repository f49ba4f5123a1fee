"""Revisions on a real Postgres: the stored rows are those of the pure core, however the log is cut into batches."""

import asyncio
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from data.contract.wire import Kind, Transaction
from data.postgres.database import engine
from data.postgres.tables import customers, stream_progress, transactions
from models.units import to_micros, to_money_units
from stream_app.core.apply import apply_batch
from stream_app.core.change_rows import change_rows
from stream_app.core.decode import decode
from stream_app.storage.unit_of_work import PartitionStore
from tests.support.builders import recency_model, tick, transaction
from tests.support.in_memory_worker import Message, logs, run

MODEL = recency_model()


def revised(number: int, days: float, revision: int, kind: Kind = "sale", amount: str = "10") -> Transaction:
    return msgspec.structs.replace(transaction(number, days, kind, amount), revision=revision)


MESSAGES: list[Message] = [
    transaction(1, 0),
    transaction(2, 3, customer="d"),
    revised(1, 1, 1, amount="12.5"),
    transaction(3, 5, amount="7"),
    tick(20),
    revised(4, 6, 2),
    revised(3, 30, 1, "cancelled"),
    revised(3, 30, 4, "return", "2.25"),
    revised(3, 30, 2, "cancelled"),
    tick(40),
    revised(1, 1, 2, "cancelled"),
    revised(1, 1, 2, "cancelled"),
    revised(4, 6, 2, amount="9"),
    tick(80),
]


async def process(database: str, at_a_time: int) -> None:
    store = await PartitionStore.connect(database, 0)
    try:
        progress = await store.claim("log", "me")
        records = logs(MESSAGES, 1)[0]
        for start in range(0, len(records), at_a_time):
            (batch,) = decode(records[start : start + at_a_time], "GBP")
            stored = await store.load(batch, MODEL, progress.watermark, 1_000)
            result = apply_batch(batch, stored, MODEL, progress, lambda _: 0)
            progress = await store.save(batch, result, change_rows(batch, result, progress), progress, 0)
    finally:
        await store.close()


def rows(database: str) -> tuple[dict[Any, Any], dict[Any, Any], tuple[int, ...]]:
    with engine(database).connect() as connection:
        t, c, p = transactions.c, customers.c, stream_progress.c
        ledger = {
            (row.customer_id, row.transaction_id): (
                to_micros(row.occurred_at),
                row.kind,
                to_money_units(row.amount),
                row.revision,
            )
            for row in connection.execute(select(transactions).order_by(t.customer_id))
        }
        profiles = {
            row.customer_id: (row.frequency, to_money_units(row.gross), to_money_units(row.returned), row.segment)
            for row in connection.execute(select(c.customer_id, c.frequency, c.gross, c.returned, c.segment))
        }
        counted = connection.execute(select(p.transactions, p.revisions, p.duplicates, p.dead_letters)).one()
        return ledger, profiles, tuple(counted)


@pytest.mark.parametrize("at_a_time", [1, 3, 5, 100])
def test_ledger_profiles_and_counters_are_those_of_the_pure_core(database: str, at_a_time: int) -> None:
    asyncio.run(process(database, at_a_time))
    (world,) = run(MODEL, MESSAGES, cuts=range(1, len(MESSAGES)))
    ledger, profiles, counted = rows(database)
    assert ledger == {key: tuple(content) for key, content in world.ledger.items()}
    names = ("frequency", "gross", "returned", "segment")
    assert profiles == {customer: tuple(row[name] for name in names) for customer, row in world.profiles.items()}
    assert counted == (len(world.ledger), world.revisions, world.duplicates, len(world.dead_letters)) == (4, 4, 2, 1)
