"""The ledger in a tablespace of its own, as a shop with very many orders may have it."""

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy import select, text

from data.postgres.database import engine, migrate
from data.postgres.tables import customers, transactions
from stream_app.core.apply import AppliedBatch, apply_batch
from stream_app.core.change_rows import change_rows
from stream_app.core.decode import decode
from stream_app.storage.unit_of_work import PartitionStore
from tests.support.builders import recency_model, transaction
from tests.support.documented import block
from tests.support.in_memory_worker import Message, logs

MODEL = recency_model()
DECIDED = block("docs/decisions/0033-the-ledger-is-kept.md", "CREATE TABLESPACE").text
PLACES = text("SELECT relname FROM pg_class JOIN pg_tablespace t ON t.oid = reltablespace WHERE spcname = 'archive'")


@pytest.fixture
def moved(database: str) -> Iterator[str]:
    """A database whose ledger has one order, and was moved then."""
    asyncio.run(applied(database, transaction(1, 0)))
    made = engine(database)
    with made.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        # In place: a folder of the server, because a test does not know which user the server runs as.
        connection.execute(text("SET allow_in_place_tablespaces = on"))
        for statement in DECIDED.replace("'/srv/archive'", "''").splitlines():
            connection.execute(text(statement))
        yield database
        connection.execute(text("ALTER TABLE transactions SET TABLESPACE pg_default"))
        connection.execute(text("ALTER INDEX transactions_pkey SET TABLESPACE pg_default"))
        connection.execute(text("DROP TABLESPACE archive"))
    made.dispose()


async def applied(database: str, *messages: Message) -> AppliedBatch:
    """Apply messages behind those that were applied before."""
    store = await PartitionStore.connect(database, 0)
    try:
        progress = await store.claim("log", "me")
        records = logs(messages, 1)[0]
        for record in records:
            record.offset += progress.next_offset
        (batch,) = decode(records, "GBP")
        result = apply_batch(
            batch, await store.load(batch, MODEL, progress.watermark, 1_000), MODEL, progress, lambda _: 0
        )
        await store.save(batch, result, change_rows(batch, result, progress), progress, 0)
        return result
    finally:
        await store.close()


def test_orders_are_applied_recognised_and_revised_in_a_ledger_on_another_disk(moved: str) -> None:
    migrate(moved)
    edited = msgspec.structs.replace(transaction(1, 0), revision=1, amount="4")
    result = asyncio.run(applied(moved, transaction(1, 0), transaction(2, 1), edited))
    assert (result.duplicates, len(result.revised)) == (1, 1)
    with engine(moved).connect() as connection:
        assert {"transactions", "transactions_pkey"} <= set(connection.execute(PLACES).scalars())
        assert set(connection.execute(select(transactions.c.transaction_id)).scalars()) == {"T1", "T2"}
        assert connection.execute(select(customers.c.frequency, customers.c.gross)).one() == (2, 14)
