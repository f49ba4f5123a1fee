"""The outbox on a real Postgres: what a relay asks it, and which published position it accepts."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import psycopg
import pytest

from data.postgres import model_registry
from data.postgres.database import engine
from stream_app.core.apply import PartitionProgress, apply_batch
from stream_app.core.change_rows import change_rows
from stream_app.core.decode import decode
from stream_app.storage.claim import FencedError
from stream_app.storage.unit_of_work import PartitionStore
from tests.support.builders import recency_model, tick, transaction
from tests.support.in_memory_worker import Message, logs

MODEL = recency_model()
MESSAGES: list[Message] = [transaction(1, 0), transaction(2, 3, customer="d"), tick(30), tick(200)]


@pytest.fixture
def database(migrated_url: str) -> str:
    model_registry.register(engine(migrated_url), MODEL)
    return migrated_url


def with_changes(database: str, work: Callable[[PartitionStore, PartitionProgress], Awaitable[None]]) -> None:
    """Commit the changes of :data:`MESSAGES`, and do some work over the same connection."""

    async def connected() -> None:
        store = await PartitionStore.connect(database, 0)
        try:
            progress = await store.claim("log", "me")
            (batch,) = decode(logs(MESSAGES, 1)[0], "GBP")
            stored = await store.load(batch, MODEL, progress.watermark, 1_000)
            result = apply_batch(batch, stored, MODEL, progress, lambda _: 0)
            await work(store, await store.save(batch, result, change_rows(batch, result, progress), progress, 0))
        finally:
            await store.close()

    asyncio.run(connected())


def test_changes_are_found_by_position_and_positions_by_customer(database: str) -> None:
    async def work(store: PartitionStore, progress: PartitionProgress) -> None:
        rows = await store.unpublished_changes(0, 100)
        assert len(rows) == progress.change_position > 2
        for row in rows:
            assert await store.change_at(row.position) == (row.customer_id, row.sequence)
            found = dict(await store.sequences(["c", "d", "nobody"], row.position))
            before = rows[: row.position]
            assert found == {
                customer: max(each.sequence for each in before if each.customer_id == customer)
                for customer in {each.customer_id for each in before}
            }
        assert await store.change_at(0) is None
        assert await store.change_at(len(rows) + 1) is None
        assert await store.sequences([], 100) == []

    with_changes(database, work)


def test_the_published_position_of_a_postgres_that_was_set_back_is_not_accepted(database: str) -> None:
    async def work(store: PartitionStore, progress: PartitionProgress) -> None:
        assert (await store.mark_published(progress, 2, False)).published_position == 2
        for other in (
            replace(progress, epoch=progress.epoch + 1),
            replace(progress, next_offset=progress.next_offset + 1),
            replace(progress, change_position=progress.change_position + 1),
        ):
            with pytest.raises(FencedError):
                await store.mark_published(other, 3, False)
        assert (await store.progress(progress)).published_position == 2

    with_changes(database, work)


def test_a_claim_is_lost_when_postgres_is_set_back_to_before_it(database: str) -> None:
    async def work(store: PartitionStore, progress: PartitionProgress) -> None:
        with psycopg.connect(database) as postgres:
            postgres.execute("DELETE FROM stream_progress")
        with pytest.raises(FencedError):
            await store.progress(progress)

    with_changes(database, work)


def test_the_number_of_changes_ahead_is_stored_while_the_claim_holds(database: str) -> None:
    async def work(store: PartitionStore, progress: PartitionProgress) -> None:
        await store.save_changes_ahead(progress, 7)
        await store.save_changes_ahead(replace(progress, epoch=progress.epoch + 1), 8)

    with_changes(database, work)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT changes_ahead FROM stream_progress").fetchall() == [(7,)]
