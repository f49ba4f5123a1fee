"""Shops in euros and other currencies: the setting, the mapping or the file says so, and the records carry it."""

from pathlib import Path

import pytest

from data.datasets.cells import DataError
from data.datasets.load import load
from data.datasets.reading import Reading
from tests.support.shop_readings import rows

ORDERS = "order_id,customer_id,date,amount"


def currencies(path: Path, content: str, reading: Reading) -> set[str]:
    """The currencies of the records that are made of a file."""
    path.write_text(content, encoding="utf-8")
    with load(path, reading) as dataset:
        return {sold.currency for sold in dataset.wire_transactions()}


@pytest.mark.parametrize("currency", ["EUR", "CHF", "USD", "JPY", "SEK", "KWD"])
def test_the_setting_is_the_currency_of_a_file_that_names_none(tmp_path: Path, currency: str) -> None:
    content = rows("1,a,2024-03-01,12.50", "2,b,2024-03-02,7.00", header=ORDERS)
    assert currencies(tmp_path / "shop.csv", content, Reading(currency=currency)) == {currency}


def test_the_mapping_wins_over_the_setting(tmp_path: Path) -> None:
    content = rows("1,a,2024-03-01,12.50", header=ORDERS)
    reading = Reading(settings=("money.currency=EUR",), currency="GBP")
    assert currencies(tmp_path / "shop.csv", content, reading) == {"EUR"}


@pytest.mark.parametrize("cell", ["12.50 €", "€12.50", "EUR 12.50", "12.50 EUR", "€ 12.50"])
def test_a_currency_in_the_cells_is_the_one_of_the_records(tmp_path: Path, cell: str) -> None:
    content = rows(f"1,a,2024-03-01,{cell}", "2,b,2024-03-02,7.00", header=ORDERS)
    assert currencies(tmp_path / "shop.csv", content, Reading()) == {"EUR"}


@pytest.mark.parametrize("column", ["Currency", "currency", "CURRENCY"])
def test_a_column_of_the_currency_is_the_one_of_the_records(tmp_path: Path, column: str) -> None:
    content = rows("1,a,2024-03-01,12.50,CHF", header=f"{ORDERS},{column}")
    assert currencies(tmp_path / "shop.csv", content, Reading()) == {"CHF"}


@pytest.mark.parametrize("second", ["USD", "gbp", "EURO"])
def test_two_currencies_in_one_file_are_refused(tmp_path: Path, second: str) -> None:
    content = rows("1,a,2024-03-01,12.50,EUR", f"2,b,2024-03-02,7.00,{second}", header=f"{ORDERS},currency")
    with pytest.raises(DataError) as caught:
        currencies(tmp_path / "shop.csv", content, Reading())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("currency", ["Euro", "EU", "€", "XYZ", "12"])
def test_a_currency_that_does_not_exist_is_refused(tmp_path: Path, currency: str) -> None:
    content = rows("1,a,2024-03-01,12.50", header=ORDERS)
    with pytest.raises(DataError, match="currency"):
        currencies(tmp_path / "shop.csv", content, Reading(settings=(f"money.currency={currency}",)))
