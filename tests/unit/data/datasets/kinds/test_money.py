"""Amounts as shops write them: the exact value, or a question; never a hundred times as much without a word."""

from pathlib import Path

import pytest

from data.datasets.cells import DataError
from tests.support.shop_files import HEADER
from tests.support.shop_readings import read, read_paths, rows


def _priced(*prices: str) -> str:
    lines = (f'{900000 + i},A,MUG,1,2010-12-01 08:{i:02},"{price}",c{i},UK' for i, price in enumerate(prices))
    return rows(*lines)


@pytest.mark.parametrize(
    ("prices", "amounts"),
    [
        (["1,250.00", "2.50"], ["1250.00", "2.50"]),
        (["1.250,00", "2,50"], ["1250.00", "2.50"]),
        (["1'250.00", "2.50"], ["1250.00", "2.50"]),
        (["1’250.00"], ["1250.00"]),
        (["1 250,00", "2,50"], ["1250.00", "2.50"]),
        (["1\u00a0250,00"], ["1250.00"]),
        (["1\u202f250,00"], ["1250.00"]),
        (["£12.50", "£1,200.00"], ["12.50", "1200.00"]),
        (["GBP 12.50"], ["12.50"]),
        (["12.50 GBP"], ["12.50"]),
        (["1.25E+03"], ["1250.00"]),
        (["12,345,678.90"], ["12345678.90"]),
        (["0.125", "2.50"], ["0.125", "2.50"]),
        (["0,125", "2,50"], ["0.125", "2.50"]),
        (["+5.00", ".50"], ["5.00", "0.50"]),
        (["12,-"], ["12.00"]),
        (["12,- €", "1.250,- €"], ["12.00", "1250.00"]),
        (["12.\N{EN DASH}", "1'250.\N{EN DASH}"], ["12.00", "1250.00"]),
        (["1,25,000.00"], ["125000.00"]),
        (["1,25E+03"], ["1250.00"]),
    ],
)
def test_an_amount_is_read_exactly(tmp_path: Path, prices: list[str], amounts: list[str]) -> None:
    assert read(tmp_path, _priced(*prices)).amounts == amounts


@pytest.mark.parametrize(
    "prices", [["1.234"], ["1,234"], ["1,234", "2,500"], ["12.345"], ["1250", "1,250"], ["999.999", "5"]]
)
def test_a_mark_before_three_digits_is_asked_about_with_both_readings(tmp_path: Path, prices: list[str]) -> None:
    with pytest.raises(DataError, match=r"money\.decimal") as caught:
        read(tmp_path, _priced(*prices))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "amount"),
    [('money.decimal="."', "1.234"), ('money.decimal=","', "1234.00"), ("money.decimal=.", "1.234")],
)
def test_a_setting_decides_the_decimal_mark(tmp_path: Path, setting: str, amount: str) -> None:
    assert read(tmp_path, _priced("1.234"), setting).amounts == [amount]


@pytest.mark.parametrize(
    "price",
    [
        "1.2.3",
        "12,34,5.00",
        "free",
        "nan",
        "inf",
        "1e400",
        "0.00001",
        "9999999999",
        "１２.50",
        "0x10",
        "1_000.00",
        "--5",
    ],
)
def test_what_is_no_amount_is_named_with_row_column_and_cell(tmp_path: Path, price: str) -> None:
    with pytest.raises(DataError, match="UnitPrice") as caught:
        read(tmp_path, _priced("2.50", "3.75", price))
    assert price[:3] in str(caught.value)
    assert "4" in str(caught.value), "the line, as an editor counts"


@pytest.mark.parametrize("price", ["(12.50)", "-12.50", "12.50-", "−12.50", "£-12.50", "-£12.50"])
def test_a_negative_amount_is_a_return(tmp_path: Path, price: str) -> None:
    content = rows(f'1,a,2011-01-01,"{price}"', "2,b,2011-01-02,20.00", header="order_id,customer_id,date,amount")
    assert read(tmp_path, content).amounts == ["-12.50", "20.00"]


@pytest.mark.parametrize(
    ("price", "currency"), [("€12.50", "EUR"), ("12.50 EUR", "EUR"), ("JPY 1250", "JPY"), ("US$12.50", "USD")]
)
def test_a_currency_beside_an_amount_is_the_one_of_the_dataset_and_the_notes_name_it(
    tmp_path: Path, price: str, currency: str
) -> None:
    assert f"Amounts are in {currency}" in read(tmp_path, _priced(price)).notes


@pytest.mark.parametrize("price", ["$12.50", "12,50 kr", "¥1250"])
def test_a_symbol_of_several_currencies_is_asked_about(tmp_path: Path, price: str) -> None:
    with pytest.raises(DataError, match=r"money\.currency"):
        read(tmp_path, _priced(price))


def test_a_number_of_two_readings_is_asked_about_if_the_others_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"money\.decimal"):
        read(tmp_path, _priced("1.234", "2.50", "2,50", "3,50"))


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
@pytest.mark.parametrize("mark", [",", "."])
def test_separator_and_decimal_mark_are_found_out_together(tmp_path: Path, separator: str, mark: str) -> None:
    other = {",": ".", ".": ","}[mark]
    lines = [
        ["900001", "A10", "BLUE MUG", "6", "2010-12-01 08:26", f"2{mark}50", "900001", "UK"],
        ["900001", "A11", "RED PLATE", "2", "2010-12-01 08:26", f"4{mark}25", "900001", "UK"],
        ["900002", "A12", "GREEN LAMP", "1", "2010-12-05 09:10", f"1{other}019{mark}95", "9", "UK"],
    ]
    content = "\n".join(separator.join(f'"{cell}"' for cell in line) for line in [HEADER.split(","), *lines])
    assert read(tmp_path, content).amounts == ["23.50", "1019.95"]


def test_a_file_without_the_currency_that_another_one_names_is_in_a_note(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(rows("1,k0,2024-03-01,5.00", header="order_id,customer_id,date,amount"))
    (tmp_path / "b.csv").write_text(
        rows("2,k0,2024-03-02,5.00,USD", header="order_id,customer_id,date,amount,currency")
    )
    notes = read_paths([tmp_path / "a.csv", tmp_path / "b.csv"]).notes
    assert "The amounts of a.csv are taken to be in the currency that the other files name." in notes
    assert "USD" in notes
