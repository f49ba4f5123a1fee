from typing import Any

import pandas as pd
import pytest

from batch.explore.quality import quality, quality_table
from batch.explore.stock_codes import is_product, odd_codes_table, odd_stock_codes
from data.datasets.frames import clean
from tests.support.money import POUNDS
from tests.support.retail import REAL, retail, rows
from tests.support.shop_rows import raw_rows, sale

KNOWN = {
    "Rows in the file": 1_067_371,
    "Invoices in the file": 53_628,
    "Rows without a customer (guests)": 243_007,
    "Invoices without a customer (guests)": 8_752,
    "Rows of credit notes (invoice C…)": 19_494,
    "Credit notes (invoice C…)": 8_292,
    "Bad-debt adjustments (invoice A…)": 6,
    "Rows that a second export repeats": 22_523,
    "Invoices that a second export repeats": 1_088,
    "Exact duplicates of a line, within an invoice": 11_812,
    "Invoices with two timestamps": 83,
    "Price 0, with a customer": 71,
    "Price with more than two decimals": 18,
    "Customers who only returned": 61,
    "Customers in two countries or more": 13,
}


@pytest.mark.skipif(not REAL.exists(), reason="needs Online Retail II")
def test_the_known_anomalies_of_the_real_file_are_found() -> None:
    counts = quality(retail())["count"]
    assert counts[list(KNOWN)].to_dict() == KNOWN


@pytest.mark.slow
def test_counts_equal_plain_loops_over_the_raw_rows() -> None:
    raw = rows().head(60_000)
    counts = quality(clean(raw, "part"))["count"]
    seen: set[tuple[object, ...]] = set()
    exports: dict[str, int] = {}
    moments: dict[str, set[object]] = {}
    guests = duplicates = repeated = free = nameless = 0
    row: Any
    for row in raw.drop(columns="row").itertuples(index=False):
        first = exports.setdefault(row.invoice, row.export)
        guests += pd.isna(row.customer)
        free += row.price_units == 0
        nameless += pd.isna(row.description)
        if row.export > first:
            repeated += 1
            continue
        moments.setdefault(row.invoice, set()).add(row.occurred_at)
        cells = tuple(None if pd.isna(cell) else cell for cell in row)
        duplicates += cells in seen
        seen.add(cells)
    assert counts["Rows without a customer (guests)"] == guests
    assert counts["Exact duplicates of a line, within an invoice"] == duplicates
    assert counts["Rows that a second export repeats"] == repeated
    assert counts["Invoices with two timestamps"] == sum(len(times) > 1 for times in moments.values())
    assert counts["Price 0"] == free
    assert counts["Missing description"] == nameless


def test_every_anomaly_of_a_small_file_is_counted_once() -> None:
    raw = raw_rows(
        ("1", "85048", "LIGHTS", 2, "2011-01-03 10:00", 1.5, "a", "France", 0),
        ("1", "85048", "LIGHTS", 2, "2011-01-03 10:00", 1.5, "a", "France", 0),
        ("1", "POST", "POSTAGE", 1, "2011-01-03 10:01", 18.0, "a", "France", 0),
        ("2", "85049", None, 1, "2011-01-04 10:00", 0.0, "a", "Spain", 0),
        ("3", "85049", None, -4, "2011-01-04 10:00", 0.0, None, "Spain", 0),
        ("A4", "B", "Adjust bad debt", 1, "2011-01-05 10:00", -9.0, None, "Spain", 0),
        ("C5", "m", "Manual", -1, "2011-01-05 10:00", 1.001, "b", "Spain", 0),
        ("2", "85049", None, 1, "2011-01-04 10:00", 0.0, "a", "Spain", 1),
    )
    found = quality(clean(raw, "small"))
    assert found["count"].to_dict() == {
        "Rows in the file": 8,
        "Invoices in the file": 5,
        "Rows without a customer (guests)": 2,
        "Invoices without a customer (guests)": 2,
        "Rows of credit notes (invoice C…)": 1,
        "Credit notes (invoice C…)": 1,
        "Bad-debt adjustments (invoice A…)": 1,
        "Rows that a second export repeats": 1,
        "Invoices that a second export repeats": 1,
        "Exact duplicates of a line, within an invoice": 1,
        "Invoices with two timestamps": 1,
        "Stock codes that are not products": 3,
        "Price 0": 3,
        "Price 0, with a customer": 2,
        "Price below 0": 1,
        "Price with more than two decimals": 1,
        "Negative quantity outside credit notes": 1,
        "Missing description": 3,
        "Customers who only returned": 1,
        "Customers with no spend net of returns": 1,
        "Customers in two countries or more": 1,
    }
    assert found.loc["Rows without a customer (guests)", "share"] == 2 / 8
    assert found.loc["Customers who only returned", "share"] == 1 / 2


def test_products_have_five_digits_and_up_to_three_letters() -> None:
    codes = ["85048", "79323P", "15056bl", "47503J ", "POST", "M", "C2", "BANK CHARGES", "gift_0001_20", "1234", ""]
    assert [is_product(code) for code in codes] == [True] * 4 + [False] * 7


def test_codes_that_are_not_products_are_grouped_into_series() -> None:
    raw = raw_rows(
        ("1", "gift_0001_20", "Voucher", 1, "2011-01-03 10:00", 20.0, None, "France", 0),
        ("1", "gift_0001_30", "Voucher", 1, "2011-01-03 10:00", 30.0, None, "France", 0),
        ("C2", "M", "Manual", -2, "2011-01-03 10:00", 7.0, "a", "France", 0),
        *(
            ("3", code, description, 1, "2011-01-03 10:00", price, "a", "France", export)
            for export in (0, 1)
            for code, description, price in (("m", None, 4.0), ("C2", None, 3.0), ("85048", "LIGHTS", 1.0))
        ),
    )
    codes = odd_stock_codes(clean(raw, "codes"))
    assert codes.to_dict("index") == {
        "GIFT…": {"description": "Voucher", "rows": 2, "with_customer": 0, "net": 50.0},
        "M": {"description": "Manual", "rows": 2, "with_customer": 2, "net": -10.0},
        "C2": {"description": "–", "rows": 1, "with_customer": 1, "net": 3.0},
    }


def test_one_row_with_another_code_is_one_row() -> None:
    postage = ("1", "POST", "POSTAGE", 1, "2011-01-03 10:00", 18.0, "a", "France", 0)
    summary = odd_codes_table(clean(raw_rows(postage), "postage"), POUNDS).summary
    assert summary.startswith("1 row is postage, manual entries, fees and similar; ")
    assert "POST (1 row, " in summary


def test_a_clean_file_has_no_table_of_other_codes() -> None:
    dataset = clean(raw_rows(sale("1", "a", "2011-01-03 10:00", 5.0)), "clean")
    assert odd_codes_table(dataset, POUNDS).table is None
    table = quality_table(dataset).table
    assert table is not None
    assert table.set_index("finding").loc["Price 0", "count"] == "0"
