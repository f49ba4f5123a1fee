"""How the rows of a file make transactions: whole invoices, each once, with the right sign."""

from pathlib import Path

import pytest

from data.datasets.cells import DataError
from tests.support.shop_readings import read, read_paths, rows

A1 = "980000,A10,MUG,1,2024-03-01 10:00,2.50,k0,UK"
A2 = "980000,B20,CUP,1,2024-03-01 10:00,4.00,k0,UK"
B1 = "980001,A10,MUG,1,2024-03-05 10:00,2.50,k1,UK"
B2 = "980001,B20,CUP,1,2024-03-05 10:00,4.00,k1,UK"
C1 = "980002,A10,MUG,1,2024-03-09 10:00,2.50,k2,UK"
C2 = "980002,B20,CUP,1,2024-03-09 10:00,4.00,k2,UK"
ALL = (A1, A2, B1, B2, C1, C2)


@pytest.mark.parametrize(
    "order",
    [
        (A1, B1, C1, A2, B2, C2),
        (C2, C1, B2, B1, A2, A1),
        (A1, C1, B1, C2, A2, B2),
        (B1, B2, A1, A2, C1, C2),
        (A2, B2, C2, A1, B1, C1),
        (C1, A1, B1, B2, A2, C2),
    ],
)
def test_the_order_of_the_rows_changes_nothing(tmp_path: Path, order: tuple[str, ...]) -> None:
    found = read(tmp_path, rows(*order))
    assert found.amounts == ["6.50", "6.50", "6.50"]
    assert found.overlap_invoices == 0


def test_what_two_files_both_hold_is_counted_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(rows(A1, A2, B1, B2))
    (tmp_path / "b.csv").write_text(rows(B1, B2, C1, C2))
    found = read_paths([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert found.amounts == ["6.50", "6.50", "6.50"]
    assert found.overlap_invoices == 1


def test_what_two_stretches_of_one_file_both_hold_is_counted_once(tmp_path: Path) -> None:
    found = read(tmp_path, rows(A1, A2, B1, B2, A1, A2, B1, B2, C1, C2))
    assert found.amounts == ["6.50", "6.50", "6.50"]


def test_an_invoice_that_differs_between_two_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(rows(A1, A2, B1, B2))
    (tmp_path / "b.csv").write_text(rows(B1, C1, C2))
    with pytest.raises(DataError, match=r"(?=.*980001)(?=.*a\.csv)(?=.*b\.csv)"):
        read_paths([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_the_same_line_twice_in_an_invoice_counts_twice(tmp_path: Path) -> None:
    assert read(tmp_path, rows(A1, A1, A2)).amounts == ["9.00"]


def test_two_customers_with_one_receipt_number_are_two_transactions(tmp_path: Path) -> None:
    found = read(tmp_path, rows("1,A,MUG,1,2024-03-01 10:00,2.50,k0,UK", "1,A,MUG,2,2024-03-02 10:00,2.50,k1,UK"))
    assert [row[:2] for row in found.transactions] == [("1", "k0"), ("1", "k1")]
    assert found.amounts == ["2.50", "5.00"]


@pytest.mark.parametrize(
    ("lines", "amounts"),
    [
        (["1,A,MUG,-2,2024-03-01 10:00,2.50,k0,UK"], ["-5.00"]),
        (["c1,A,MUG,-2,2024-03-01 10:00,2.50,k0,UK"], ["-5.00"]),
        (["C1,A,MUG,-2,2024-03-01 10:00,2.50,k0,UK"], ["-5.00"]),
        (["1,A,MUG,-1,2024-03-01 10:00,2.50,k0,UK", "1,B,LAMP,1,2024-03-01 10:00,19.95,k0,UK"], ["17.45"]),
        (["1,A,MUG,1,2024-03-01 10:00,2.50,k0,UK", "1,B,LAMP,-1,2024-03-01 10:00,19.95,k0,UK"], ["-17.45"]),
        (["1,A,DISCOUNT,1,2024-03-01 10:00,-2.50,k0,UK"], ["-2.50"]),
        (["1,A,MUG,1,2024-03-01 10:00,0.00,k0,UK"], ["0.00"]),
    ],
)
def test_the_sign_of_the_total_or_the_prefix_makes_a_return(
    tmp_path: Path, lines: list[str], amounts: list[str]
) -> None:
    assert read(tmp_path, rows(*lines)).amounts == amounts


@pytest.mark.parametrize("line", ["C1,A,MUG,2,2024-03-01 10:00,2.50,k0,UK", "c7,A,MUG,1,2024-03-01 10:00,1.00,k0,UK"])
def test_a_credit_note_with_a_positive_total_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match=r"(?i)c[17].*positive"):
        read(tmp_path, rows(line))


@pytest.mark.parametrize(
    "second",
    [
        "#1001,P1,Plate,1,,12.00,,",
        "#1001,P1,Plate,1,2024-03-01 10:00:00 +0100,12.00,,",
        "#1001,P1,Plate,1,,12.00,a@example.org,",
        "#1001,P1,Plate,1,,12.00,,Germany",
        "#1001,P1,Plate,1,2024-03-01 10:00:00 +0100,12.00,a@example.org,Germany",
    ],
)
def test_blank_cells_of_an_order_mean_as_in_its_other_rows(tmp_path: Path, second: str) -> None:
    first = "#1001,M1,Mug,2,2024-03-01 10:00:00 +0100,5.00,a@example.org,Germany"
    other = "#1002,M1,Mug,1,2024-03-02 09:00:00 +0100,5.00,b@example.org,Germany"
    for order in ((first, second, other), (second, first, other), (first, other, second)):
        found = read(tmp_path, rows(*order))
        assert found.amounts == ["22.00", "5.00"]
        assert found.customers == ["a@example.org", "b@example.org"]
        assert found.moments[0] == "2024-03-01 09:00:00"


@pytest.mark.parametrize("country", ["", " ", "\u00a0"])
def test_a_blank_country_is_unspecified(tmp_path: Path, country: str) -> None:
    blank = f"1,A,MUG,1,2024-03-01 10:00,2.50,k0,{country}"
    found = read(tmp_path, rows(blank, "2,A,MUG,1,2024-03-02 10:00,2.50,k1,UK"))
    assert len(found.transactions) == 2


def test_several_purchases_on_one_day_are_several_transactions(tmp_path: Path) -> None:
    lines = (f"{i},A,MUG,1,2024-03-01 10:00,2.50,k0,UK" for i in range(3))
    assert len(read(tmp_path, rows(*lines)).transactions) == 3


def test_postage_is_no_sale_if_the_mapping_says_so(tmp_path: Path) -> None:
    content = rows(A1, "980000,POST,POSTAGE,1,2024-03-01 10:00,5.00,k0,UK")
    assert read(tmp_path, content).amounts == ["7.50"]
    assert read(tmp_path, content, 'not_sales.stock_codes=["POST"]').amounts == ["2.50"]


@pytest.mark.parametrize("number", ["nan", "NULL", "N/A", "-", "1.23457E+11"])
def test_what_stands_for_many_order_numbers_makes_no_order(tmp_path: Path, number: str) -> None:
    with pytest.raises(DataError, match="InvoiceNo"):
        read(tmp_path, rows(f"{number},A,MUG,1,2024-03-01 10:00,2.50,k0,UK", f"{number},A,MUG,1,2024-03-09,2.50,k0,UK"))


def test_a_number_that_comes_again_on_another_day_is_in_a_note(tmp_path: Path) -> None:
    found = read(tmp_path, rows("1,A,MUG,1,2024-03-01 10:00,2.50,k0,UK", "1,A,MUG,1,2024-03-02 10:00,2.50,k0,UK"))
    assert "1 invoice has rows of one customer more than half a day apart, such as 1" in found.notes


ORDERS = "order_id,customer_id,order_date,amount,status"


def _daily(folder: Path, *days: str) -> list[Path]:
    paths = [folder / f"day{number}.csv" for number in range(len(days))]
    for path, day in zip(paths, days, strict=True):
        path.write_text(rows(day, header=ORDERS))
    return paths


def test_an_order_that_is_paid_in_a_later_export_is_a_sale(tmp_path: Path) -> None:
    days = _daily(tmp_path, "1,k0,2024-03-01 10:00,5.00,pending", "1,k0,2024-03-01 10:00,5.00,paid")
    assert read_paths(days).amounts == ["5.00"]


def test_an_order_that_is_cancelled_in_a_later_export_is_named(tmp_path: Path) -> None:
    days = _daily(tmp_path, "1,k0,2024-03-01 10:00,5.00,paid", "1,k0,2024-03-01 10:00,5.00,cancelled")
    with pytest.raises(DataError, match=r"(?=.*invoice 1)(?=.*day0\.csv)(?=.*day1\.csv)(?=.*no sale)"):
        read_paths(days)


@pytest.mark.parametrize("status", ["Ausstehend", "quotation sent", "refunded"])
def test_a_status_that_nobody_decided_about_is_in_a_note_with_its_rows(tmp_path: Path, status: str) -> None:
    (path,) = _daily(tmp_path, f"1,k0,2024-03-01 10:00,5.00,{status}")
    assert f"status {status!r} (1) count by their amount" in read_paths([path]).notes


@pytest.mark.parametrize("cancelled", ["2024-03-02 10:00", "yes", "TRUE", "1"])
def test_an_order_with_a_date_of_cancellation_is_no_sale(tmp_path: Path, cancelled: str) -> None:
    header = "order_id,customer_id,order_date,amount,cancelled_at"
    kept = [f"{n},k0,2024-03-0{n} 10:00,{n}.00,{cell}" for n, cell in enumerate(["", "NULL", "false", "0"], 1)]
    found = read(tmp_path, rows(*kept, f"9,k0,2024-03-01 10:00,9.00,{cancelled}", header=header))
    assert found.amounts == ["1.00", "2.00", "3.00", "4.00"]


def test_a_line_with_two_minus_signs_is_no_sale(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"UnitPrice.*both negative"):
        read(tmp_path, rows("1,A,MUG,-1,2024-03-01 10:00,-10.00,k0,UK"))


@pytest.mark.parametrize("column", ["is_return", "Storno", "refunded_at", "Soll/Haben", "is_test"])
def test_a_column_that_may_decide_what_is_a_sale_and_is_not_read_is_in_a_note(tmp_path: Path, column: str) -> None:
    content = rows("1,k0,2024-03-01 10:00,5.00,x", header=f"order_id,customer_id,order_date,amount,{column}")
    assert f"the column {column!r} is not read" in read(tmp_path, content).notes


@pytest.mark.parametrize("column", ["Amount", "amount"])
def test_a_second_column_of_the_same_name_is_asked_about(tmp_path: Path, column: str) -> None:
    content = rows("1,k0,2024-03-01 10:00,5.00,7.00", header=f"order_id,customer_id,order_date,amount,{column}")
    with pytest.raises(DataError, match=r"columns\.amount=amount"):
        read(tmp_path, content)
    assert read(tmp_path, content, f"columns.amount={column} (2)").amounts == ["7.00"]


@pytest.mark.parametrize(
    ("second", "column"),
    [("order_id,email,order_date,amount", "'email'"), ("order_id,customer_id,order_date,subtotal", "'subtotal'")],
)
def test_columns_that_differ_between_files_are_in_a_note(tmp_path: Path, second: str, column: str) -> None:
    (tmp_path / "a.csv").write_text(rows("1,k0,2024-03-01,5.00", header="order_id,customer_id,order_date,amount"))
    (tmp_path / "b.csv").write_text(rows("2,k0,2024-03-02,5.00", header=second))
    notes = read_paths([tmp_path / "a.csv", tmp_path / "b.csv"]).notes
    assert f"is the column {column} in b.csv" in notes
