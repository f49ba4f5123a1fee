"""A worker claims a partition only if it is not too old for the tables, and starts only if they are not older."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from psycopg import Connection
from psycopg import connect as connect_to_postgres
from psycopg.errors import ObjectNotInPrerequisiteState
from sqlalchemy import Engine, select, text, update

from data.postgres import currency, model_registry, schema_versions
from data.postgres.database import engine as connect
from data.postgres.database import migrate
from data.postgres.schema_versions import SCHEMA_VERSION, SchemaVersionError, require_workers
from data.postgres.tables import schema_versions as table
from data.postgres.tables import stream_progress
from models.trailing_window import with_window
from stream_app.storage import statements
from stream_app.storage.claim import FencedError
from stream_app.storage.unit_of_work import PartitionStore
from tests.support.builders import random_model


def with_store(url: str, work: Callable[[PartitionStore], Awaitable[None]]) -> None:
    async def connected() -> None:
        store = await PartitionStore.connect(url, 0)
        try:
            await work(store)
        finally:
            await store.close()

    asyncio.run(connected())


def connect_as_worker(url: str) -> "Connection[tuple[object, ...]]":
    """A connection that is named as a worker's, and announces nothing."""
    return connect_to_postgres(url, application_name="segue-worker 0", autocommit=True)


def require(postgres: Engine, oldest: int) -> None:
    with postgres.begin() as connection:
        require_workers(connection, oldest)


def epochs(postgres: Engine) -> dict[int, int]:
    with postgres.connect() as connection:
        found = connection.execute(select(stream_progress.c.partition, stream_progress.c.epoch))
        return {row.partition: row.epoch for row in found}


def claimed_by(postgres: Engine) -> list[int | None]:
    with postgres.connect() as connection:
        return list(connection.execute(select(stream_progress.c.schema_version)).scalars())


def test_a_migrated_database_has_the_schema_version_of_the_code(postgres: Engine) -> None:
    schema_versions.check(postgres)
    with postgres.connect() as connection:
        assert connection.execute(select(table.c.database)).scalar_one() == SCHEMA_VERSION


def test_a_claim_stores_the_schema_version_of_its_worker(postgres: Engine, migrated_url: str) -> None:
    async def claim(store: PartitionStore) -> None:
        await store.claim("log", "me")

    with_store(migrated_url, claim)
    assert claimed_by(postgres) == [SCHEMA_VERSION]


def test_a_worker_that_becomes_too_old_is_fenced_and_can_claim_no_partition(
    postgres: Engine, migrated_url: str
) -> None:
    async def work(store: PartitionStore) -> None:
        mine = await store.claim("log", "me")
        require(postgres, SCHEMA_VERSION + 1)
        with pytest.raises(FencedError):
            await store.progress(mine)
        message = (
            rf"has schema version {SCHEMA_VERSION} and the database needs workers of {SCHEMA_VERSION + 1} or newer"
        )
        with pytest.raises(SchemaVersionError, match=message):
            await store.claim("log", "me")

    with_store(migrated_url, work)
    with pytest.raises(SchemaVersionError, match="upgrade the worker"):
        schema_versions.check(postgres)


def test_a_worker_that_announces_nothing_is_refused_as_soon_as_older_ones_are(
    postgres: Engine, migrated_url: str
) -> None:
    claim = {"partition": 0, "log_id": "log", "owner": "me"}
    with connect_as_worker(migrated_url) as worker:
        worker.execute(statements.CLAIM, claim)
        assert claimed_by(postgres) == [17]
        require(postgres, 18)
        with pytest.raises(ObjectNotInPrerequisiteState, match="schema version 17"):
            worker.execute(statements.CLAIM, claim)


def test_a_claim_in_progress_and_a_new_requirement_wait_for_each_other(postgres: Engine, migrated_url: str) -> None:
    async def work(store: PartitionStore) -> None:
        with postgres.begin() as connection:
            require_workers(connection, SCHEMA_VERSION + 1)
            claiming = asyncio.create_task(store.claim("log", "me"))
            done, _ = await asyncio.wait([claiming], timeout=1)
            assert not done
        with pytest.raises(SchemaVersionError):
            await claiming

    with_store(migrated_url, work)
    assert claimed_by(postgres) == []


def test_a_requirement_never_goes_back_and_fences_nobody_twice(postgres: Engine, migrated_url: str) -> None:
    async def work(store: PartitionStore) -> None:
        mine = await store.claim("log", "me")
        with postgres.connect() as connection:
            oldest = connection.execute(text("SELECT oldest_worker FROM schema_versions")).scalar_one()
        require(postgres, oldest - 1)
        require(postgres, oldest)
        assert await store.progress(mine) == mine

    with_store(migrated_url, work)


def test_a_model_with_a_recency_unit_needs_workers_that_know_units_and_fences_no_others(
    postgres: Engine, migrated_url: str
) -> None:
    earlier = {"partition": 1, "log_id": "log", "owner": "earlier"}

    async def work(store: PartitionStore) -> None:
        mine = await store.claim("log", "me")
        with connect_as_worker(migrated_url) as worker:
            worker.execute(statements.CLAIM, earlier)
            model_registry.register(postgres, random_model("log1p", 3, seed=1))
            worker.execute(statements.CLAIM, earlier)
            before = epochs(postgres)
            model_registry.register(postgres, random_model("log1p", 3, seed=1, unit=60.0))
            model_registry.register(postgres, random_model("log1p", 3, seed=2, unit=60.0))
            assert epochs(postgres) == {0: before[0], 1: before[1] + 1}
            with pytest.raises(ObjectNotInPrerequisiteState, match="needs workers of 19 or newer: upgrade the worker"):
                worker.execute(statements.CLAIM, earlier)
        assert await store.progress(mine) == mine

    with_store(migrated_url, work)
    schema_versions.check(postgres)


def test_a_model_with_a_window_needs_workers_that_know_windows_and_fences_no_others(
    postgres: Engine, migrated_url: str
) -> None:
    earlier = {"partition": 1, "log_id": "log", "owner": "earlier"}

    async def work(store: PartitionStore) -> None:
        mine = await store.claim("log", "me")
        with connect_as_worker(migrated_url) as worker:
            worker.execute(statements.CLAIM, earlier)
            model_registry.register(postgres, random_model("log1p", 3, seed=1))
            worker.execute(statements.CLAIM, earlier)
            before = epochs(postgres)
            model_registry.register(postgres, with_window(random_model("log1p", 3, seed=1), 365))
            model_registry.register(postgres, with_window(random_model("log1p", 3, seed=2, unit=60.0), 365))
            assert epochs(postgres) == {0: before[0], 1: before[1] + 1}
            with pytest.raises(ObjectNotInPrerequisiteState, match="needs workers of 22 or newer: upgrade the worker"):
                worker.execute(statements.CLAIM, earlier)
        assert await store.progress(mine) == mine

    with_store(migrated_url, work)
    schema_versions.check(postgres)


@pytest.mark.parametrize(
    "row",
    [
        "INSERT INTO risk_states (customer_id, partition, sequence) VALUES (:customer, 0, 1)",
        "INSERT INTO risk_changes (customer_id, sequence, partition, position, cause, effective_at, frequency)"
        " VALUES (:customer, 1, 0, :customer::int, 'purchase', now(), 1)",
    ],
)
def test_the_first_risk_state_needs_workers_that_know_risk_states_and_fences_no_others(
    postgres: Engine, migrated_url: str, row: str
) -> None:
    earlier = {"partition": 1, "log_id": "log", "owner": "earlier"}

    async def work(store: PartitionStore) -> None:
        mine = await store.claim("log", "me")
        with connect_as_worker(migrated_url) as worker:
            worker.execute(statements.CLAIM, earlier)
            before = epochs(postgres)
            for customer in ("1", "2"):
                with postgres.begin() as connection:
                    connection.execute(text(row.replace(":customer::int", customer)), {"customer": customer})
            assert epochs(postgres) == {0: before[0], 1: before[1] + 1}
            with pytest.raises(ObjectNotInPrerequisiteState, match="needs workers of 21 or newer: upgrade the worker"):
                worker.execute(statements.CLAIM, earlier)
        assert await store.progress(mine) == mine

    with_store(migrated_url, work)
    schema_versions.check(postgres)


def test_the_currency_can_be_corrected_whatever_workers_are_needed(postgres: Engine, migrated_url: str) -> None:
    currency.keep(postgres, "GBP")

    async def claim(store: PartitionStore) -> None:
        await store.claim("log", "me")

    with_store(migrated_url, claim)
    require(postgres, SCHEMA_VERSION + 1)
    currency.keep(postgres, "EUR")


@pytest.mark.parametrize("former", ["none", "before there were versions", "an older version"])
def test_a_worker_does_not_start_on_older_tables(database_url: str, former: str) -> None:
    postgres = connect(database_url)
    if former != "none":
        migrate(database_url)
    with postgres.begin() as connection:
        if former == "an older version":
            connection.execute(update(table).values(database=SCHEMA_VERSION - 1))
        elif former != "none":
            connection.execute(text("DROP TABLE schema_versions"))
    with pytest.raises(SchemaVersionError, match=f"this worker needs {SCHEMA_VERSION}: have the owner migrate it"):
        schema_versions.check(postgres)
    postgres.dispose()
