"""Orders without a country: they count, and the worker accepts what the file makes of them."""

from pathlib import Path

import pytest

from data.contract import wire
from data.datasets.load import load
from tests.support.shop_files import HEADER
from tests.support.shop_readings import rows

WITHOUT = HEADER.removesuffix(",Country")


@pytest.mark.parametrize("country", ["", " ", "\u00a0", "\t", '""', "NULL", "\u2003"])
def test_a_blank_country_is_unspecified(tmp_path: Path, country: str) -> None:
    path = tmp_path / "shop.csv"
    path.write_text(rows(f"1,A,MUG,1,2024-03-01 10:00,2.50,k0,{country}", "2,A,MUG,1,2024-03-02 10:00,2.50,k1,UK"))
    with load(path) as dataset:
        assert [sold.country for sold in dataset.wire_transactions()] == [wire.UNSPECIFIED, "UK"]


def test_a_file_without_a_country_is_read(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text(rows("1,A,MUG,1,2024-03-01 10:00,2.50,k0", header=WITHOUT))
    with load(path) as dataset:
        assert [sold.country for sold in dataset.wire_transactions()] == [wire.UNSPECIFIED]


def test_one_blank_line_of_an_order_takes_the_country_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text(rows("1,A,MUG,1,2024-03-01 10:00,2.50,k0,", "1,B,CUP,1,2024-03-01 10:00,2.50,k0,France"))
    with load(path) as dataset:
        assert [sold.country for sold in dataset.wire_transactions()] == ["France"]


@pytest.mark.parametrize("country", ["Côte d'Ivoire", "Российская Федерация", "日本", "U.S.A.", "x" * 64])
def test_a_country_is_kept_as_it_is(tmp_path: Path, country: str) -> None:
    path = tmp_path / "shop.csv"
    path.write_text(rows(f"1,A,MUG,1,2024-03-01 10:00,2.50,k0,{country}"), encoding="utf-8")
    with load(path) as dataset:
        assert [sold.country for sold in dataset.wire_transactions()] == [country]
