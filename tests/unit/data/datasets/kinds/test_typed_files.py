"""Files whose cells have types, Excel and Parquet: a number is a number, and nothing of it is guessed."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import Workbook

from data.datasets.cells import DataError
from tests.support.shop_readings import read_paths

HEADER = ("order_id", "customer_id", "order_date", "amount")
FIRST, SECOND = datetime(2024, 3, 1, 10), datetime(2024, 3, 2, 10)  # noqa: DTZ001 (cells have no zone)


def _workbook(folder: Path, *rows: tuple[object, ...], header: tuple[str, ...] = HEADER, more: object = None) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (header, *rows):
        sheet.append(row)
    if more is not None:
        second = book.create_sheet("More")
        for row in more:  # type: ignore[attr-defined]
            second.append(row)
    path = folder / "shop.xlsx"
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("amount", "read"), [(1.234, "1.234"), (3 * 4.35, "13.05"), (1250, "1250.00"), (0.1 + 0.2, "0.30"), (2.5, "2.50")]
)
def test_a_number_of_excel_has_one_reading(tmp_path: Path, amount: float, read: str) -> None:
    assert read_paths([_workbook(tmp_path, (1, 17850, FIRST, amount))]).amounts == [read]


def test_a_text_of_excel_that_looks_like_a_number_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"money\.decimal"):
        read_paths([_workbook(tmp_path, (1, 17850, FIRST, "1.234"))])


def test_numbers_of_excel_that_have_lost_digits_are_no_ids(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"customers\.scientific"):
        read_paths([_workbook(tmp_path, (1, 1234567890123456, FIRST, 5), (2, 1234567890123457, SECOND, 5))])


def test_a_date_that_excel_left_as_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="order_date"):
        read_paths([_workbook(tmp_path, (1, "a", FIRST, 5), (2, "b", "13/03/2024", 5))])


@pytest.mark.parametrize("total", [("Total", None, None, 10), (None, None, "Total", 10), (None, None, None, 10)])
def test_a_row_of_totals_is_named(tmp_path: Path, total: tuple[object, ...]) -> None:
    with pytest.raises(DataError, match="line 4"):
        read_paths([_workbook(tmp_path, (1, "a", FIRST, 5), (2, "b", SECOND, 5), total)])


def test_a_title_above_the_header_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Sales of March"):
        read_paths([_workbook(tmp_path, HEADER, (1, "a", FIRST, 5), header=("Sales of March",))])


def test_a_second_sheet_with_other_columns_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rows\.sheet"):
        read_paths([_workbook(tmp_path, (1, "a", FIRST, 5), more=[("Row Labels", "Sum of amount"), ("a", 5)])])


def test_a_second_sheet_may_have_its_columns_in_another_order(tmp_path: Path) -> None:
    more = [("amount", "order_date", "customer_id", "order_id"), (7, SECOND, "b", 2)]
    assert read_paths([_workbook(tmp_path, (1, "a", FIRST, 5), more=more)]).amounts == ["5.00", "7.00"]


@pytest.mark.parametrize("amounts", [[1.234, 2.345], [Decimal("1.234"), Decimal("2.345")]])
def test_a_number_of_parquet_has_one_reading(tmp_path: Path, amounts: list[float]) -> None:
    frame = pd.DataFrame([(1, 17850.0, FIRST, amounts[0]), (2, 17851.0, SECOND, amounts[1])], columns=list(HEADER))
    frame.to_parquet(tmp_path / "shop.parquet")
    found = read_paths([tmp_path / "shop.parquet"])
    assert found.amounts == ["1.234", "2.345"]
    assert found.customers == ["17850", "17851"]
