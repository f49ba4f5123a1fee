"""The stores do the same over a simulated connection as over psycopg's own: one set of tests for both."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import psycopg
import pytest
from sqlalchemy import Engine

from data.postgres import model_registry
from data.postgres.database import engine
from sim.faults import Fault, FaultSchedule
from sim.loop import SimulatedLoop
from sim.postgres.connection import SimulatedPostgres
from sim.postgres.server import ForeignRowsError, PostgresServer
from sim.world import World
from stream_app.core.apply import PartitionProgress, apply_batch
from stream_app.core.change_rows import change_rows
from stream_app.core.decode import MicroBatch, decode
from stream_app.storage.arrays import moments
from stream_app.storage.claim import FencedError
from stream_app.storage.connection import Database, connect
from stream_app.storage.unit_of_work import PartitionStore
from tests.support.builders import recency_model, tick, transaction
from tests.support.in_memory_worker import Message, logs

T = TypeVar("T")

MODEL = recency_model()
MESSAGES: list[Message] = [transaction(1, 0), transaction(2, 3, customer="d"), tick(30), tick(200)]


class Connections:
    """What the stores connect to, and the loop on which they run."""

    def __init__(self, url: str, faults: list[Fault] | None) -> None:
        self.url = url
        self.database: Database = url
        self._loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        self._server: PostgresServer | None = None
        if faults is not None:
            self._server = PostgresServer(url)
            simulated = SimulatedLoop(random.Random(1))
            world = World(simulated, simulated.chance, FaultSchedule(faults))
            self._loop, self.database = simulated, SimulatedPostgres(world, self._server).connect

    def run(self, work: Callable[[PartitionStore], Awaitable[T]]) -> T:
        """Do some work with a store."""

        async def connected() -> T:
            store = await PartitionStore.connect(self.database, 0)
            try:
                return await work(store)
            finally:
                await store.close()

        return self._loop.run_until_complete(connected())

    def close(self) -> None:
        """Disconnect."""
        if self._server is not None:
            self._server.close()
        self._loop.close()


@pytest.fixture
def url(migrated_url: str) -> str:
    # The simulator accepts only what was empty when it came.
    PostgresServer(migrated_url).close()
    register_model(migrated_url)
    return migrated_url


def register_model(url: str) -> None:
    postgres: Engine = engine(url)
    model_registry.register(postgres, MODEL)
    postgres.dispose()


@pytest.fixture(params=["psycopg", "simulated"])
def connections(request: pytest.FixtureRequest, url: str) -> Iterator[Connections]:
    made = Connections(url, [] if request.param == "simulated" else None)
    yield made
    made.close()


def only_batch() -> MicroBatch:
    (batch,) = decode(logs(MESSAGES, 1)[0], "GBP")
    return batch


async def save(store: PartitionStore, progress: PartitionProgress, batch: MicroBatch) -> PartitionProgress:
    stored = await store.load(batch, MODEL, progress.watermark, 1_000)
    result = apply_batch(batch, stored, MODEL, progress, lambda _: 0)
    return await store.save(batch, result, change_rows(batch, result, progress), progress, 0)


def committed(url: str) -> tuple[int, int, int]:
    """The next offset, and the numbers of transactions and changes."""
    query = "SELECT next_offset, (SELECT count(*) FROM transactions), (SELECT count(*) FROM segment_changes)"
    with psycopg.connect(url) as connection:
        row: Any = connection.execute(f"{query} FROM stream_progress").fetchone()
    return row[0], row[1], row[2]


def test_a_unit_of_work_is_stored_and_its_outbox_is_read(connections: Connections) -> None:
    async def work(store: PartitionStore) -> list[tuple[str, int]]:
        saved = await save(store, await store.claim("log", "me", "GBP"), only_batch())
        rows = await store.unpublished_changes(0, 100)
        assert saved.change_position == len(rows)
        assert await store.progress(saved) == saved
        return [(row.customer_id, row.sequence) for row in rows]

    found = connections.run(work)
    assert sorted(found) == [("c", 1), ("c", 2), ("c", 3), ("d", 1), ("d", 2), ("d", 3)]
    assert committed(connections.url) == (4, 2, 6)


def test_a_zombie_writes_nothing(connections: Connections) -> None:
    async def work(store: PartitionStore) -> None:
        progress = await store.claim("log", "me")
        with psycopg.connect(connections.url) as postgres:
            postgres.execute("UPDATE stream_progress SET epoch = epoch + 1")
        with pytest.raises(FencedError):
            await save(store, progress, only_batch())
        with pytest.raises(FencedError):
            await store.progress(progress)

    connections.run(work)
    assert committed(connections.url) == (0, 0, 0)


def test_a_statement_that_postgres_refuses_leaves_nothing(connections: Connections) -> None:
    async def work(store: PartitionStore) -> None:
        progress = await store.claim("log", "me")
        batch = only_batch()
        batch.country[0] = "\0"
        with pytest.raises((psycopg.DataError, psycopg.errors.CharacterNotInRepertoire)):
            await save(store, progress, batch)
        await store.open()
        assert (await store.progress(progress)).next_offset == 0

    connections.run(work)
    assert committed(connections.url) == (0, 0, 0)


def test_a_claim_is_lost_to_the_next_one(connections: Connections) -> None:
    async def work(store: PartitionStore) -> tuple[int, int]:
        first = await store.claim("log", "me")
        other = await PartitionStore.connect(connections.database, 0)
        second = await other.claim("log", "you")
        # The claim has ended the former owner's connection.
        with pytest.raises((psycopg.OperationalError, psycopg.InterfaceError)):
            await store.progress(first)
        await store.open()
        with pytest.raises(FencedError):
            await store.progress(first)
        await other.close()
        return first.epoch, second.epoch

    assert connections.run(work) == (1, 2)


def test_columns_travel_whole(connections: Connections) -> None:
    numbers = np.array([0, 1, -1, np.iinfo(np.int64).max, np.iinfo(np.int64).min], dtype=np.int64)

    async def work(store: PartitionStore) -> Any:
        connection = await (connect(store_url, 0) if isinstance(connections.database, str) else connections.database(0))
        cursor = connection.cursor(binary=True)
        await cursor.execute("SELECT %s, %s::timestamptz[]", [numbers, moments(numbers[:1])])
        row = await cursor.fetchone()
        await connection.close()
        return row

    store_url = connections.url
    columns = connections.run(work)
    assert columns[0].tolist() == numbers.tolist()
    assert columns[1].tolist() == [0]


@pytest.mark.parametrize(("kind", "stored"), [("commit unknown", (4, 2, 6)), ("connection lost", (0, 0, 0))])
def test_after_a_lost_connection_the_stored_progress_says_what_was_committed(
    url: str, kind: str, stored: tuple[int, int, int]
) -> None:
    # The first commit is that of the loading transaction.
    connections = Connections(url, [Fault(kind, 1.0, 1, 0.0)])

    async def work(store: PartitionStore) -> None:
        progress = await store.claim("log", "me")
        await asyncio.sleep(1.0)
        with pytest.raises(psycopg.OperationalError):
            await save(store, progress, only_batch())
        await store.open()
        assert (await store.progress(progress)).next_offset == stored[0]

    connections.run(work)
    assert committed(url) == stored
    connections.close()


def test_a_database_with_rows_of_somebody_else_is_not_emptied(migrated_url: str) -> None:
    register_model(migrated_url)
    with pytest.raises(ForeignRowsError):
        PostgresServer(migrated_url)
    with psycopg.connect(migrated_url) as connection:
        assert connection.execute("SELECT count(*) FROM models").fetchall() == [(1,)]
