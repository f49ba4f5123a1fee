"""Layouts of other shops' files: one row per order, Shopify, WooCommerce, Square, Stripe, and a shop's own."""

from pathlib import Path

import pytest

from data.datasets.cells import DataError
from tests.support.shop_readings import read, rows


@pytest.mark.parametrize(
    "header",
    [
        "customer_id,order_id,date,amount",
        "customer_id,order_id,order_date,revenue",
        "user_id,order_id,created_at,subtotal_amount",
        "Customer ID,Order ID,Order Date,Total",
        "CustomerId,OrderId,Timestamp,Spend",
    ],
)
def test_one_row_per_order_is_read_without_a_mapping(tmp_path: Path, header: str) -> None:
    found = read(tmp_path, rows("a,1,2024-03-01,12.50", "b,2,2024-03-02,7.00", "a,3,2024-03-05,-2.50", header=header))
    assert found.amounts == ["12.50", "7.00", "-2.50"]
    assert found.customers == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("header", "line", "missing"),
    [
        ("when,who", "2024-03-01,a", ("transaction", "amount")),
        ("InvoiceNo,Quantity", "1,2", ("UnitPrice|price", "CustomerID|customer", "InvoiceDate|time")),
        ("a;b;c", "1;2;3", ("transaction", "customer")),
        ("id", "1", ("customer",)),
        ("order_id,customer_id,date", "1,a,2024-03-01", ("amount",)),
    ],
)
def test_all_missing_columns_are_named_at_once(
    tmp_path: Path, header: str, line: str, missing: tuple[str, ...]
) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, rows(line, header=header))
    message = str(caught.value)
    assert "\n" not in message
    for name in missing:
        assert any(one.lower() in message.lower() for one in name.split("|")), (name, message)
    assert "mapping" in message


@pytest.mark.parametrize("absent", ["Country", "StockCode", "Description", "Country,StockCode", "Country,Description"])
def test_columns_that_decide_nothing_may_be_missing(tmp_path: Path, absent: str) -> None:
    cells = {
        "InvoiceNo": "1", "StockCode": "A", "Description": "MUG", "Quantity": "2", "InvoiceDate": "2024-03-01 10:00",
        "UnitPrice": "2.50", "CustomerID": "k0", "Country": "UK",
    }  # fmt: skip
    kept = {name: cell for name, cell in cells.items() if name not in absent.split(",")}
    assert read(tmp_path, rows(",".join(kept.values()), header=",".join(kept))).amounts == ["5.00"]


SHOPIFY = (
    "Name,Email,Financial Status,Paid at,Currency,Subtotal,Shipping,Total,Created at,Lineitem quantity,Lineitem name,"
    "Lineitem price,Lineitem sku,Billing Country,Cancelled at,Refunded Amount"
)


def test_a_shopify_export_counts_the_total_of_the_orders_first_row(tmp_path: Path) -> None:
    paid = "2024-03-01 10:00:00 +0100"
    content = rows(
        f"#1001,a@example.org,paid,{paid},GBP,22.00,3.00,25.00,{paid},2,Mug,5.00,M1,GB,,0.00",
        "#1001,a@example.org,,,,,,,2024-03-01 10:00:00 +0100,1,Plate,12.00,P1,,,",
        "#1002,b@example.org,paid,,GBP,5.00,0.00,5.00,2024-03-02 09:00:00 +0100,1,Mug,5.00,M1,GB,,0.00",
        "#1003,c@example.org,voided,,GBP,5.00,0.00,5.00,2024-03-03 09:00:00 +0100,1,Mug,5.00,M1,GB,,0.00",
        f"#1004,d@example.org,paid,,GBP,5.00,0.00,5.00,2024-03-03 09:00:00 +0100,1,Mug,5.00,M1,GB,{paid},0.00",
        header=SHOPIFY,
    )
    found = read(tmp_path, content)
    assert found.amounts == ["25.00", "5.00"]
    assert found.moments == ["2024-03-01 09:00:00", "2024-03-02 08:00:00"]
    assert found.customers == ["a@example.org", "b@example.org"]


def test_a_mapping_reads_a_german_shops_own_columns(tmp_path: Path) -> None:
    content = rows(
        "R1;anna;01.03.2024 10:00;1.250,00",
        "R2;bert;13.03.2024 10:00;12,50",
        header="Beleg;Kunde;Datum;Summe",
    )
    found = read(
        tmp_path, content, "columns.transaction=Beleg", "columns.customer=Kunde", "columns.time=Datum",
        "columns.amount=Summe", "time.zone=Europe/Berlin", "money.currency=EUR",
    )  # fmt: skip
    assert found.amounts == ["1250.00", "12.50"]
    assert found.moments[0] == "2024-03-01 09:00:00"


@pytest.mark.parametrize(
    "setting",
    [
        "nonsense=1",
        "time.dayfirst=true",
        "time.day_first=maybe",
        "time.zone=Mars/Olympus",
        "columns.customer=Nobody",
        "=",
        "",
    ],
)
def test_a_setting_that_is_wrong_is_one_clear_line(tmp_path: Path, setting: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, rows("1,A,MUG,1,2024-03-01 10:00,2.50,k0,UK"), setting)
    assert "\n" not in str(caught.value)
