"""Trailing windows on a real Postgres: what is stored is what the pure core finds, whatever happens on the way."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
import pytest

from data.contract.wire import Kind, ModelActivation, Transaction
from data.postgres import model_registry
from data.postgres.database import engine
from models.decay import NEVER
from models.trailing_window import with_window
from tests.support.builders import random_model, tick, transaction
from tests.support.in_memory_worker import Message, logs, outcome, run
from tests.support.partition_batches import apply_until

FIRST = with_window(random_model("log1p", 6, seed=3), 30)
ANOTHER = with_window(random_model("log1p", 4, seed=8, unit=60.0), 45)
WITHOUT = random_model("log1p", 4, seed=5)
CUSTOMERS = 40
SLICE = 3


def revised(number: int, days: float, kind: Kind, customer: str) -> Transaction:
    """An order that was cancelled, or became very great."""
    return msgspec.structs.replace(transaction(number, days, kind, "90000", customer), revision=1)


BUYERS = [
    transaction(100 * number + order, number % 5 + 9 * order, amount=f"{50 * number}", customer=f"c{number:02}")
    for order in range(3)
    for number in range(CUSTOMERS)
]
LATER: list[Message] = [
    tick(22),
    transaction(9_001, 23, "return", "5800", customer="c39"),
    # It is late by more than the window.
    transaction(9_002, -40, amount="4000", customer="c01"),
    *(revised(400 + order, 4 + 9 * order, "cancelled", "c04") for order in range(3)),
    revised(501, 9, "sale", "c05"),
    tick(31.5),
    transaction(9_003, 33, customer="c02"),
    tick(40),
    ModelActivation(ANOTHER),
    transaction(9_004, 41, amount="90", customer="c00"),
    tick(200),
    ModelActivation(WITHOUT),
    transaction(9_005, 201, amount="10000", customer="c07"),
    tick(220),
    ModelActivation(FIRST),
    tick(240),
]
LOG = [*BUYERS, *LATER]
RECORDS = logs(LOG, 1)[0]
_MICROS = "(extract(epoch FROM {}) * 1e6)::int8"


@pytest.fixture
def windowed(migrated_url: str) -> str:
    """The URL of a database whose champion has a window."""
    model_registry.register(engine(migrated_url), FIRST)
    return migrated_url


async def apply(database: str, batch_size: int, ends: Sequence[int]) -> None:
    """Apply the log in batches that end before some offsets, until all customers are rescored."""
    await apply_until(_is_settled, database, batch_size, RECORDS, ends)


def _is_settled(database: str) -> bool:
    query = "SELECT count(*) FROM customers AS c JOIN stream_progress AS p USING (partition)"
    with psycopg.connect(database) as connection:
        row = connection.execute(f"{query} WHERE c.model_version IS DISTINCT FROM p.model_version").fetchone()
    return row == (0,)


Rows = tuple[dict[str, Any], set[tuple[Any, ...]]]


def stored(database: str) -> Rows:
    """What the outcome of a world is, in Postgres."""
    profile = (
        f"customer_id, frequency, (gross * 10000)::int8, segment, sequence, {_MICROS.format('next_change_at')},"
        " next_segment"
    )
    change = (
        f"customer_id, sequence, from_segment, to_segment, cause, {_MICROS.format('effective_at')}, recency_days,"
        " frequency, (gross * 10000)::int8, (returned * 10000)::int8, model_version, transaction_id"
    )
    with psycopg.connect(database) as connection:
        profiles = connection.execute(f"SELECT {profile} FROM customers").fetchall()
        changes = connection.execute(f"SELECT {change} FROM segment_changes").fetchall()
    return {row[0]: row[1:] for row in profiles}, set(changes)


def expected() -> Rows:
    """The outcome of the pure core."""
    profiles, changes = outcome(run(FIRST, LOG))
    names = ("frequency", "gross", "segment", "sequence", "next_change_at", "next_segment")
    fields = ["customer_id", "sequence", "from_segment", "to_segment", "cause", "effective_at", "recency_days"]
    fields += ["frequency", "gross", "returned", "model_version", "transaction_id"]
    return (
        {
            customer: tuple(None if row[name] == NEVER else row[name] for name in names)
            for customer, row in profiles.items()
        },
        {tuple(getattr(row, name) for name in fields) for row in changes.values()},
    )


def test_the_log_of_these_tests_has_every_cause_that_a_window_meets() -> None:
    causes = {row[4] for row in expected()[1]}
    assert causes == {"first_purchase", "purchase", "return", "revision", "decay", "expiry", "model"}


@pytest.mark.parametrize("batch_size", [1, SLICE, 500])
@pytest.mark.parametrize("ends", [[len(RECORDS)], list(range(1, len(RECORDS) + 1))], ids=["at once", "one by one"])
def test_the_stored_segments_are_those_of_the_pure_core(windowed: str, batch_size: int, ends: list[int]) -> None:
    asyncio.run(apply(windowed, batch_size, ends))
    assert stored(windowed) == expected()


def test_no_transaction_fires_the_expiries_of_more_customers_than_a_slice_and_a_batch_have(windowed: str) -> None:
    asyncio.run(apply(windowed, SLICE, [len(BUYERS), len(RECORDS)]))
    with psycopg.connect(windowed) as connection:
        query = "SELECT count(DISTINCT customer_id) FROM segment_changes WHERE cause = 'expiry' GROUP BY xmin::text"
        customers = [row[0] for row in connection.execute(query)]
    assert max(customers) <= 2 * SLICE + 1
    assert stored(windowed) == expected()


@pytest.mark.parametrize("zone", ["Europe/London", "Pacific/Auckland"])
def test_a_window_has_days_of_24_hours_whatever_the_time_zone_of_the_database_is(windowed: str, zone: str) -> None:
    with psycopg.connect(windowed, autocommit=True) as connection:
        connection.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {connection.info.dbname} SET timezone = '{zone}'")
        try:
            asyncio.run(apply(windowed, 500, [len(RECORDS)]))
        finally:
            connection.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {connection.info.dbname} RESET timezone")
    assert stored(windowed) == expected()
