"""A stream has one currency: that of its first worker."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from data.postgres import currency
from data.postgres.currency import CurrencyError
from data.postgres.database import engine as connect
from data.postgres.tables import metadata
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
    currency.keep(engine, "EUR")
    for refused in (currency.keep, currency.check):
        with pytest.raises(CurrencyError, match=r"amounts are in EUR, not in GBP: set SEGUE_CURRENCY to EUR"):
            refused(engine, "GBP")
    assert currency.stored_money(engine, POUNDS.of("JPY")).currency == "EUR"
    assert currency.stored_money(engine, EUROS.of("JPY")) == EUROS


def test_of_two_first_workers_with_two_currencies_one_is_refused(engine: Engine) -> None:
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
