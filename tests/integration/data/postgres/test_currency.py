"""A stream has one currency: that of its first worker."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, insert

from data.postgres import currency
from data.postgres.currency import CurrencyError
from data.postgres.database import engine as connect
from data.postgres.model_registry import register
from data.postgres.tables import metadata, transactions
from stream_app.storage.claim import FencedError
from stream_app.storage.unit_of_work import PartitionStore
from tests.support.generated_tables import EVENT_TIME, a_model
from tests.support.money import EUROS, POUNDS


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a database with empty tables."""
    connected = connect(database_url)
    metadata.create_all(connected)
    yield connected
    connected.dispose()


def test_before_the_first_worker_any_currency_may_come(engine: Engine) -> None:
    currency.check(engine, "EUR")
    assert currency.stored_money(engine, POUNDS) == POUNDS


def test_the_first_worker_decides_and_others_are_refused_with_what_to_set(engine: Engine) -> None:
    currency.keep(engine, "EUR")
    _buy(engine)
    currency.keep(engine, "EUR")
    for refused in (currency.keep, currency.check):
        with pytest.raises(CurrencyError, match=r"amounts are in EUR, not in GBP: set the currency to EUR"):
            refused(engine, "GBP")
    assert currency.stored_money(engine, POUNDS.of("JPY")).currency == "EUR"
    assert currency.stored_money(engine, EUROS.of("JPY")) == EUROS


def test_a_mistake_can_be_corrected_before_the_first_transaction_and_fences_who_made_it(
    engine: Engine, database_url: str
) -> None:
    register(engine, a_model())
    currency.keep(engine, "GBP")

    async def life() -> None:
        store = await PartitionStore.connect(database_url, 0)
        try:
            mine = await store.claim("log", "me", "GBP")
            currency.keep(engine, "EUR")
            with pytest.raises(FencedError):
                await store.progress(mine)
            with pytest.raises(CurrencyError, match="set the currency to EUR"):
                await store.claim("log", "me again", "GBP")
            assert (await store.claim("log", "another", "EUR")).epoch > mine.epoch
        finally:
            await store.close()

    asyncio.run(life())


def test_of_two_first_workers_with_two_currencies_one_is_refused(engine: Engine) -> None:
    _buy(engine)

    def start(code: str) -> str:
        try:
            currency.keep(engine, code)
        except CurrencyError:
            return "refused"
        return code

    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(start, ["EUR", "GBP"] * 4)]
    with engine.connect() as connection:
        kept = currency.stored(connection)
    assert found.count("refused") == 4
    assert {*found} == {"refused", kept}


def _buy(engine: Engine) -> None:
    """The first transaction of the stream."""
    bought = {"customer_id": "c", "transaction_id": "1", "occurred_at": EVENT_TIME, "kind": "sale"}
    with engine.begin() as connection:
        connection.execute(insert(transactions).values(bought | {"amount": 1, "country": "France"}))
