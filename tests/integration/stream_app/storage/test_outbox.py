"""The outbox on a real Postgres: what a relay asks it, and which published position it accepts."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from data.contract.risk_events import risk_change
from data.contract.risk_row import RiskRow
from data.postgres import model_registry
from data.postgres.database import engine
from models.units import from_micros
from stream_app.core.apply import PartitionProgress, apply_batch
from stream_app.core.change_rows import change_rows
from stream_app.core.decode import decode
from stream_app.storage.claim import FencedError
from stream_app.storage.outbox import OUTBOX_OF_RISK, AheadOfPostgres, Outbox
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


def test_risk_changes_are_found_as_they_were_stored(database: str) -> None:
    first = RiskRow(1, "c", 1, None, "on_rhythm", "first_purchase", 5, 1, 5, "due", 90_000_000, "r1", "T1")
    gone = first._replace(position=2, customer_id="gone")
    cancelled = first._replace(
        position=3,
        sequence=2,
        from_state="on_rhythm",
        to_state=None,
        cause="model",
        effective_at=1_700_000_000_123_456,
        frequency=0,
        last_purchase_at=None,
        next_state=None,
        next_at=None,
        rhythm_version=None,
        transaction_id=None,
    )

    async def work(store: PartitionStore, progress: PartitionProgress) -> None:
        with psycopg.connect(database) as connection:
            for row in (first, gone, cancelled):
                values = row._replace(effective_at=moment(row.effective_at), next_at=moment(row.next_at))
                values = values._replace(last_purchase_at=moment(row.last_purchase_at))
                columns = ", ".join(RiskRow._fields)
                query = f"INSERT INTO risk_changes (partition, {columns}) VALUES (0{', %s' * len(values)})"
                connection.execute(query, values)
        outbox = Outbox(database, 0, OUTBOX_OF_RISK)
        await outbox.open()
        try:
            assert await outbox.unpublished_changes(0, 100) == [first, gone, cancelled]
            assert await outbox.unpublished_changes(1, 1) == [gone]
            assert await outbox.change_at(2) == ("gone", 1)
            assert await outbox.change_at(4) is None
            assert dict(await outbox.sequences(["c", "nobody"], 3)) == {"c": 2}
            assert dict(await outbox.sequences(["c"], 2)) == {"c": 1}
            assert [await outbox.position_of(risk_change(row)) for row in (first, cancelled)] == [1, 3]
            assert await outbox.position_of(risk_change(cancelled._replace(to_state="due"))) is None
            assert await outbox.position_of(risk_change(first._replace(effective_at=6))) is None
            await outbox.save_changes_ahead(progress, 7)
        finally:
            await outbox.close()

    with_changes(database, work)
    with psycopg.connect(database) as connection:
        ahead = "SELECT changes_ahead, risk_changes_ahead FROM stream_progress"
        assert connection.execute(ahead).fetchall() == [(0, 7)]


def moment(micros: int | None) -> Any:
    return None if micros is None else from_micros(micros)


def test_both_published_positions_are_saved_and_a_lost_risk_change_is_noticed(database: str) -> None:
    async def work(store: PartitionStore, progress: PartitionProgress) -> None:
        with psycopg.connect(database) as connection:
            connection.execute("UPDATE stream_progress SET risk_position = 3")
        progress = replace(progress, risk_position=3)
        assert await store.save_published(progress, 2, False, 2) == replace(
            progress, published_position=2, risk_published_position=2
        )
        assert (await store.progress(progress)).risk_published_position == 2
        with pytest.raises(FencedError):
            await store.save_published(replace(progress, risk_position=4), 2, False, 4)

    with_changes(database, work)


def test_what_the_topics_have_ahead_is_stored_again_with_each_saved_position(database: str) -> None:
    ahead = "SELECT changes_ahead, risk_changes_ahead FROM stream_progress"

    async def work(store: PartitionStore, progress: PartitionProgress) -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("UPDATE stream_progress SET changes_ahead = 16, risk_changes_ahead = 3")
            progress = await store.save_published(progress, 2, False)
            assert connection.execute(ahead).fetchone() == (16, 3)
            await store.save_published(progress, 2, False, ahead=AheadOfPostgres(changes=0))
            assert connection.execute(ahead).fetchone() == (0, 3)

    with_changes(database, work)


def test_the_published_position_of_a_postgres_that_was_set_back_is_not_accepted(database: str) -> None:
    async def work(store: PartitionStore, progress: PartitionProgress) -> None:
        assert (await store.save_published(progress, 2, False)).published_position == 2
        for other in (
            replace(progress, epoch=progress.epoch + 1),
            replace(progress, next_offset=progress.next_offset + 1),
            replace(progress, change_position=progress.change_position + 1),
        ):
            with pytest.raises(FencedError):
                await store.save_published(other, 3, False)
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
