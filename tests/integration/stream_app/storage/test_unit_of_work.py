"""The unit of work on a real Postgres: all or nothing, and never by a worker that has lost its claim."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import numpy as np
import pytest
from psycopg import AsyncConnection, AsyncCursor, OperationalError
from sqlalchemy import func, select, update

from data.contract.change_events import change_event
from data.contract.change_row import ChangeRow
from data.contract.wire import Erasure, ModelActivation, Tick, Transaction
from data.postgres.database import engine
from data.postgres.model_registry import register as register_model
from data.postgres.tables import customers, erasures, model_reigns, segment_changes, stream_progress, transactions
from stream_app.core.apply import PartitionProgress, apply_batch
from stream_app.core.change_rows import change_rows
from stream_app.core.columns import LONG_AGO
from stream_app.core.decode import MicroBatch, decode
from stream_app.storage import statements
from stream_app.storage.arrays import moments, register
from stream_app.storage.claim import FencedError
from stream_app.storage.unit_of_work import PartitionStore
from tests.support.builders import recency_model, tick, transaction
from tests.support.generated_tables import a_model
from tests.support.in_memory_worker import Message, logs, run
from tests.support.partition_tasks import PATIENCE

T = TypeVar("T")
MODEL = recency_model()


def with_store(database: str, work: Callable[[PartitionStore], Awaitable[T]]) -> T:
    async def connected() -> T:
        store = await PartitionStore.connect(database, 0)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(connected())


def batch(*messages: Message) -> MicroBatch:
    (result,) = decode(logs(messages, 1)[0], "GBP")
    return result


def one_by_one(messages: list[Message]) -> list[MicroBatch]:
    """A batch for each record of a log."""
    batches = []
    for record in logs(messages, 1)[0]:
        (one,) = decode([record], "GBP")
        batches.append(one)
    return batches


async def apply(store: PartitionStore, progress: PartitionProgress, work: MicroBatch) -> PartitionProgress:
    stored = await store.load(work, MODEL, progress.watermark, 1_000)
    result = apply_batch(work, stored, MODEL, progress, lambda _: 0)
    return await store.save(work, result, change_rows(work, result, progress), progress, 0)


def counts(database: str) -> dict[str, int]:
    with engine(database).connect() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (customers, transactions, segment_changes)
        }


def test_the_stored_rows_are_those_of_the_pure_core(database: str) -> None:
    first, second = transaction(1, 0), transaction(2, 3, "return", "2.5")
    messages: list[Message] = [first, second, transaction(3, 2, customer="d"), tick(30)]

    async def work(store: PartitionStore) -> None:
        await apply(store, await store.claim("log", "me"), batch(*messages))

    with_store(database, work)
    (world,) = run(MODEL, messages)
    with engine(database).connect() as connection:
        rows = connection.execute(select(segment_changes).order_by(segment_changes.c.position)).all()
        found = {row.customer_id: row for row in connection.execute(select(customers))}
    assert [(r.customer_id, r.sequence, r.from_segment, r.to_segment, r.cause, r.transaction_id) for r in rows] == [
        (r.customer_id, r.sequence, r.from_segment, r.to_segment, r.cause, r.transaction_id) for r in world.changes
    ]
    assert [row.position for row in rows] == [1, 2, 3, 4]
    assert found["c"].segment == world.profiles["c"]["segment"] == "away"
    assert found["c"].next_segment == "lost"
    assert (found["c"].gross, found["c"].returned) == (10, 2.5)


def test_the_outbox_gives_the_rows_that_were_published(database: str) -> None:
    messages: list[Message] = [transaction(1, 0), transaction(2, 3, "return", "12.5"), tick(30)]
    work = batch(*messages)

    async def saved_and_read(store: PartitionStore) -> tuple[list[ChangeRow], list[ChangeRow]]:
        progress = await store.claim("log", "me")
        result = apply_batch(
            work, await store.load(work, MODEL, progress.watermark, 1_000), MODEL, progress, lambda _: 0
        )
        rows = change_rows(work, result, progress)
        await store.save(work, result, rows, progress, 0)
        return rows, await store.unpublished_changes(0, 100)

    published, again = with_store(database, saved_and_read)
    assert published == again
    assert [change_event(row, {}) for row in published] == [change_event(row, {}) for row in again]
    last = published[-1]
    assert (last.monetary, last.gross, last.returned) == (0, 100_000, 125_000)


def test_the_outbox_still_gives_rows_that_were_written_before_gross_and_returned(database: str) -> None:
    async def work(store: PartitionStore) -> list[ChangeRow]:
        await apply(store, await store.claim("log", "me"), batch(transaction(1, 0)))
        with engine(database).begin() as connection:
            connection.execute(update(segment_changes).values(gross=None, returned=None))
        return await store.unpublished_changes(0, 100)

    (row,) = with_store(database, work)
    assert (row.gross, row.returned) == (None, None)
    assert b"gross" not in change_event(row, {})


def test_a_tick_that_moves_nobody_needs_no_customer(database: str) -> None:
    messages: list[Message] = [transaction(1, 0), tick(1), tick(2)]
    first, second, third = one_by_one(messages)

    async def work(store: PartitionStore) -> PartitionProgress:
        progress = await apply(store, await store.claim("log", "me"), first)
        # This one finds out when the first customer is due.
        progress = await apply(store, progress, second)
        async with await AsyncConnection.connect(database) as other:
            await other.execute("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE")
            return await asyncio.wait_for(apply(store, progress, third), PATIENCE)

    assert with_store(database, work).next_offset == len(messages)


def test_ticks_one_by_one_move_all_who_are_due_also_customers_who_came_meanwhile(database: str) -> None:
    # Ten days after the last purchase a customer is away, and forty days after it lost.
    messages: list[Message] = [
        transaction(1, 0),
        *(tick(day) for day in (1, 2, 3)),
        transaction(2, 4, customer="d"),
        transaction(3, 1, customer="e"),
        *(tick(day) for day in (5, 9, 10, 11, 12, 13, 14)),
        transaction(4, 14, customer="d"),
        *(tick(day) for day in (23, 24, 39, 40, 41, 42, 60, 90)),
        # Nobody is due any more, until somebody new is.
        transaction(5, 91, customer="f"),
        *(tick(day) for day in (92, 101, 102, 131, 140)),
    ]

    async def work(store: PartitionStore) -> None:
        progress = await store.claim("log", "me")
        for each in one_by_one(messages):
            progress = await apply(store, progress, each)

    with_store(database, work)
    (world,) = run(MODEL, messages)
    with engine(database).connect() as connection:
        rows = connection.execute(select(segment_changes).order_by(segment_changes.c.position)).all()
    found = {(r.customer_id, r.sequence, r.from_segment, r.to_segment, r.cause) for r in rows}
    assert found == {(r.customer_id, r.sequence, r.from_segment, r.to_segment, r.cause) for r in world.changes}
    assert {customer for customer, _, _, to, _ in found if to == "lost"} == {"c", "d", "e", "f"}


def test_a_zombie_writes_nothing(database: str) -> None:
    async def work(store: PartitionStore) -> None:
        mine = await store.claim("log", "zombie")
        other = await PartitionStore.connect(database, 0)
        await other.claim("log", "successor")
        await other.close()
        with pytest.raises(OperationalError):
            await apply(store, mine, batch(transaction(1, 0)))
        await store.open()
        with pytest.raises(FencedError):
            await apply(store, mine, batch(transaction(1, 0)))
        with pytest.raises(FencedError):
            await store.progress(mine)

    with_store(database, work)
    assert set(counts(database).values()) == {0}


@pytest.mark.parametrize("last", [statements.ADVANCE, "COMMIT"], ids=["halfway", "before its commit"])
def test_a_worker_that_hangs_in_a_transaction_does_not_delay_its_successor(
    database: str, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    hanging = asyncio.Event()
    execute = AsyncCursor.execute

    async def hang(*_: object) -> None:
        hanging.set()
        await asyncio.Event().wait()

    async def up_to_the_last(cursor: AsyncCursor[Any], query: Any, *arguments: Any) -> AsyncCursor[Any]:
        if query == last:
            await hang()
        return await execute(cursor, query, *arguments)

    async def work(store: PartitionStore) -> None:
        mine, successor = await store.claim("log", "me"), await PartitionStore.connect(database, 0)
        with monkeypatch.context() as patch:
            patch.setattr(AsyncCursor, "execute", up_to_the_last)
            patch.setattr(AsyncConnection, "commit", hang)
            hanging_task = asyncio.create_task(apply(store, mine, batch(transaction(1, 0))))
            await hanging.wait()
        async with asyncio.timeout(PATIENCE):
            await apply(successor, await successor.claim("log", "successor"), batch(transaction(1, 0)))
        hanging_task.cancel()
        await successor.close()

    with_store(database, work)
    assert counts(database) == {"customers": 1, "transactions": 1, "segment_changes": 1}


def test_a_batch_that_does_not_follow_the_last_one_writes_nothing(database: str) -> None:
    async def work(store: PartitionStore) -> None:
        mine = await store.claim("log", "me")
        with pytest.raises(FencedError):
            await apply(store, replace(mine, next_offset=3), batch(transaction(1, 0)))

    with_store(database, work)
    assert set(counts(database).values()) == {0}


def test_a_new_log_is_read_from_its_beginning_and_profiles_stay(database: str) -> None:
    async def work(store: PartitionStore) -> tuple[PartitionProgress, PartitionProgress, PartitionProgress]:
        first = await apply(store, await store.claim("log", "me"), batch(transaction(1, 0), tick(30)))
        same = await store.claim("another log", "me again")
        return first, same, await store.continue_in_log(same, "another log", 0, None)

    saved, same, other = with_store(database, work)
    assert (same.next_offset, other.next_offset) == (saved.next_offset, 0)
    assert same.watermark == other.watermark == saved.watermark
    assert saved.epoch < same.epoch == other.epoch
    assert (same.log_id, other.log_id) == ("log", "another log")
    assert (same.last_record, other.last_record) == (saved.last_record, None)
    assert other.change_position == 2


def test_a_partition_without_a_model_starts_with_the_champion_that_there_is_at_its_first_records(
    migrated_url: str,
) -> None:

    async def work(store: PartitionStore) -> list[PartitionProgress]:
        claimed = await store.claim("log", "me")
        register_model(engine(migrated_url), MODEL)
        return [claimed, await store.begin(claimed)]

    claimed, begun = with_store(migrated_url, work)
    assert (claimed.model_version, begun.model_version) == (None, MODEL.version)
    assert not begun.began_without_model
    assert (begun.epoch, begun.next_offset) == (claimed.epoch, claimed.next_offset)


def test_a_partition_that_began_without_a_model_gets_its_first_one_from_the_log_only(migrated_url: str) -> None:
    async def work(store: PartitionStore) -> list[PartitionProgress]:
        begun = await store.begin(await store.claim("log", "me"))
        records = batch(transaction(1, 0), tick(3))
        stored = await store.load(records, None, begun.watermark, 1_000)
        result = apply_batch(records, stored, None, begun, lambda _: 0)
        await store.save(records, result, change_rows(records, result, begun), begun, 0)
        register_model(engine(migrated_url), MODEL)
        again = await store.claim("log", "me")
        with pytest.raises(FencedError):
            await store.begin(again)
        return [begun, again]

    begun, again = with_store(migrated_url, work)
    assert begun.began_without_model
    assert (again.model_version, again.began_without_model) == (None, True)
    with engine(migrated_url).connect() as connection:
        row = connection.execute(select(customers.c.frequency, customers.c.segment, customers.c.model_version)).one()
    assert tuple(row) == (1, None, None)


def test_dead_letters_advance_the_offset_in_the_same_transaction(database: str) -> None:
    async def work(store: PartitionStore) -> tuple[PartitionProgress, list[int]]:
        bad = Transaction("T1", "c", datetime(2010, 1, 1, tzinfo=UTC), "sale", "1", "EUR", "France", [])
        claimed = await store.claim("log", "me")
        saved = await apply(store, claimed, batch(bad, Tick(datetime(2010, 1, 2, tzinfo=UTC))))
        letters = await store.unpublished_dead_letters("log")
        assert letters[0].value == msgspec.json.encode(bad)
        await store.save_published(saved, 0, dead_letters=False)
        assert len(await store.unpublished_dead_letters("log")) == 1
        await store.save_published(saved, 0, dead_letters=True)
        assert await store.unpublished_dead_letters("log") == []
        return saved, [letter.offset for letter in letters]

    saved, offsets = with_store(database, work)
    assert (saved.next_offset, offsets) == (2, [0])
    with engine(database).connect() as connection:
        assert connection.execute(select(stream_progress.c.dead_letters)).scalar_one() == 1


def test_dead_letters_of_a_former_log_are_still_to_be_published(database: str) -> None:
    async def work(store: PartitionStore) -> tuple[list[tuple[str | None, int]], list[object]]:
        bad = Transaction("T1", "c", datetime(2010, 1, 1, tzinfo=UTC), "sale", "1", "EUR", "France", [])
        claimed = await store.claim("log", "me")
        saved = await apply(store, claimed, batch(bad))
        again = await store.continue_in_log(saved, "log#2", 0, None)
        both = await apply(store, again, batch(bad))
        letters = await store.unpublished_dead_letters("log#2")
        await store.save_published(both, 0, dead_letters=True)
        return [(letter.log_id, letter.offset) for letter in letters], [*await store.unpublished_dead_letters("log#2")]

    letters, left = with_store(database, work)
    assert letters == [("log", 0), ("log#2", 0)]
    assert left == []


def test_columns_are_the_same_after_a_round_trip_to_postgres(migrated_url: str) -> None:
    numbers = np.array([0, 1, -1, 2**53 + 1, np.iinfo(np.int64).max, np.iinfo(np.int64).min], dtype=np.int64)
    times = np.array([LONG_AGO, 0, 1, 1_304_251_200_000_001, -1, np.iinfo(np.int64).max], dtype=np.int64)

    async def work(store: PartitionStore) -> None:
        connection = store._connection
        register(connection)
        for column in (numbers, numbers[:0]):
            row = await (await connection.cursor(binary=True).execute("SELECT %s::int8[]", [column])).fetchone()
            assert row is not None
            np.testing.assert_array_equal(row[0], column)
        query = "SELECT t, t[4]::text FROM (SELECT %s::timestamptz[] AS t) AS sent"
        row = await (await connection.cursor(binary=True).execute(query, [moments(times)])).fetchone()
        assert row is not None
        np.testing.assert_array_equal(row[0], times)
        assert row[1].startswith("2011-05-01 12:00:00.000001")

    with_store(migrated_url, work)


def test_an_activation_adds_a_row_for_the_model_period_that_it_ends(database: str) -> None:
    async def work(store: PartitionStore) -> None:
        progress = await store.claim("log", "me")
        progress = await apply(store, progress, batch(transaction(1, 0), tick(30)))
        progress = await apply(store, progress, batch(tick(31), ModelActivation(a_model())))
        await apply(store, progress, batch(tick(40), ModelActivation(MODEL)))

    with_store(database, work)
    with engine(database).connect() as connection:
        periods = connection.execute(select(model_reigns).order_by(model_reigns.c.until)).all()
    assert [(row.partition, row.model_version, row.since, row.until) for row in periods] == [
        (0, MODEL.version, None, tick(31).at),
        (0, a_model().version, tick(31).at, tick(40).at),
    ]


def test_the_commit_that_knows_of_a_published_tombstone_clears_the_id(database: str) -> None:
    async def work(store: PartitionStore) -> list[str | None]:
        progress = await store.claim("log", "me")
        found: list[str | None] = []
        bought, erased, *later = one_by_one(
            [transaction(1, 0, customer="gone"), Erasure("gone"), transaction(2, 1), transaction(3, 2)]
        )
        for one, published in ((bought, 0), (erased, 1), (later[0], 1), (later[1], 2)):
            stored = await store.load(one, MODEL, progress.watermark, 1_000)
            result = apply_batch(one, stored, MODEL, progress, lambda _: 0)
            progress = await store.save(one, result, change_rows(one, result, progress), progress, published)
            with engine(database).connect() as connection:
                found += connection.execute(select(erasures.c.customer_id)).scalars().all()
        return found

    # Its tombstone has position 2.
    assert with_store(database, work) == ["gone", "gone", None]
