"""A file is recognised by its header, and a column that is missing or could be two things is named."""

import pytest

from data.datasets.cells import AmbiguousError, DataError
from data.datasets.mapping import MappedColumns, Mapping
from data.datasets.mapping_toml import from_toml
from data.datasets.presets import NAMES, complete, preset, recognise, recognised
from data.datasets.reading import Reading

OLD = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
NEW = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
SHOPIFY = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,Shipping,"
    "Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,"
    "Lineitem price,Lineitem sku,Billing Name,Billing Country,Shipping Country,Cancelled at,Payment Method,"
    "Refunded Amount,Vendor,Id,Tags,Source,Phone"
)
WOOCOMMERCE = "Order ID,Order Number,Order Date,Order Status,Customer Email,Billing Country,Order Currency,Order Total"
SQUARE = (
    "Date,Time,Time Zone,Gross Sales,Discounts,Net Sales,Gift Card Sales,Tax,Tip,Partial Refunds,Total Collected,"
    "Source,Card,Cash,Fees,Net Total,Transaction ID,Payment ID,Device Name,Details,Description,Event Type,Location,"
    "Customer ID,Customer Name,Customer Reference ID"
)
STRIPE = (
    "id,Description,Seller Message,Created (UTC),Amount,Amount Refunded,Currency,Converted Amount,Fee,Status,"
    "Customer ID,Customer Description,Customer Email,Captured,Card ID,Invoice ID"
)


def header(text: str) -> list[str]:
    return text.split(",")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("online-retail", OLD),
        ("online-retail", OLD.lower()),
        ("online-retail", "Invoice_No, Stock Code,DESCRIPTION,quantity,invoice date,Unit Price,Customer_ID,country"),
        ("online-retail", "InvoiceNo,Quantity,InvoiceDate,UnitPrice,CustomerID"),
        ("online-retail-ii", NEW),
        ("online-retail-ii", NEW + ",sheet"),
        ("online-retail-ii", "\ufeffInvoice,Quantity,InvoiceDate,UnitPrice,CustomerID"),
        ("orders", "customer_id,order_id,order_date,revenue"),
        ("orders", "id,client,date,spend"),
        ("orders", "user_id,subtotal_amount,created_at,order"),
        ("orders", "Order Number,E-Mail,Timestamp,TOTAL"),
        ("shopify", SHOPIFY),
        ("shopify", "Name,Email,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Currency,Total"),
        ("woocommerce", WOOCOMMERCE),
        ("woocommerce", "order_id,order_date,status,order_total,customer_user,billing_email"),
        ("square", SQUARE),
        ("stripe", STRIPE),
        ("stripe", "id,Created date (UTC),Amount,Amount Refunded,Currency,Customer ID,Status"),
    ],
)
def test_a_preset_is_recognised_by_the_header_in_any_order_and_spelling(name: str, text: str) -> None:
    for headers in (header(text), [*reversed(header(text))]):
        mapping = recognise(headers)
        assert (mapping.preset, recognised(headers)) == (name, name)
        assert set(mapping.columns.named().values()) <= set(headers)


def test_the_columns_of_online_retail_are_found_in_the_spelling_of_the_file() -> None:
    expected = dict.fromkeys(("amount", "time_of_day"), "")
    columns = recognise(header(NEW + ",sheet")).columns
    assert {field: getattr(columns, field) for field in expected} == expected
    assert columns.named() == {
        "transaction": "Invoice",
        "customer": "Customer ID",
        "time": "InvoiceDate",
        "quantity": "Quantity",
        "price": "Price",
        "country": "Country",
        "stock_code": "StockCode",
        "description": "Description",
        "export": "sheet",
    }


def test_the_columns_of_a_shopify_export_are_those_of_the_order() -> None:
    columns = recognise(header(SHOPIFY)).columns
    assert (columns.transaction, columns.customer, columns.time) == ("Name", "Email", "Created at")
    assert (columns.amount, columns.refund) == ("Total", "Refunded Amount")
    assert (columns.quantity, columns.price) == ("Lineitem quantity", "Lineitem price")
    assert (columns.status, columns.currency, columns.country) == ("Financial Status", "Currency", "Billing Country")


def test_date_time_and_zone_of_a_square_export_are_three_columns() -> None:
    columns = recognise(header(SQUARE)).columns
    assert (columns.time, columns.time_of_day, columns.time_zone) == ("Date", "Time", "Time Zone")
    assert (columns.amount, columns.customer, columns.transaction) == (
        "Total Collected",
        "Customer ID",
        "Transaction ID",
    )


def test_a_time_in_a_column_of_its_own_belongs_to_the_date() -> None:
    columns = recognise(header("order_id,customer,date,time,amount")).columns
    assert (columns.time, columns.time_of_day) == ("date", "time")
    alone = recognise(header("order_id,customer,time,amount")).columns
    assert (alone.time, alone.time_of_day) == ("time", "")


def test_a_price_without_a_quantity_is_no_amount_but_a_missing_column() -> None:
    with pytest.raises(DataError, match=r"lacks the column quantity .*--set columns.amount=price if that is all"):
        recognise(header("order_id,customer_id,date,price"))


def test_a_file_that_lacks_what_its_preset_needs_may_still_be_one_of_orders() -> None:
    assert recognise(header("InvoiceNo,InvoiceDate,CustomerID,Amount")).preset == "orders"
    assert recognise(header("Name,Email,Created at,Lineitem name,Total,Order ID")).preset == "shopify"


def test_the_customer_of_olist_is_the_unique_one() -> None:
    headers = header("order_id,customer_id,customer_unique_id,order_purchase_timestamp,payment_value")
    assert recognise(headers).columns.customer == "customer_unique_id"


def test_all_missing_columns_are_named_at_once_with_those_that_are_there() -> None:
    with pytest.raises(DataError) as error:
        recognise(header("Artikel,Menge"))
    assert str(error.value) == (
        "the file, read as orders, lacks the columns order number (columns.transaction), customer (columns.customer), "
        "date (columns.time), amount (columns.amount, or columns.quantity and columns.price); it has 'Artikel', "
        "'Menge'; name a column with --set columns.transaction=NAME, or in a mapping (see docs/files.md)"
    )
    with pytest.raises(DataError, match=r"it has none; name"):
        recognise([])


def test_only_the_column_that_is_missing_is_named() -> None:
    with pytest.raises(DataError, match=r"read as online-retail, lacks the column customer \(columns.customer\); it"):
        recognise(header(OLD.replace("CustomerID", "Kunde")))
    reading = Reading(settings=("columns.customer=Kunde",))
    assert reading.mapping_of(header(OLD.replace("CustomerID", "Kunde"))).columns.customer == "Kunde"


@pytest.mark.parametrize(
    ("text", "field", "names"),
    [
        ("order_id,customer_id,date,amount,total", "amount", ("amount", "total")),
        ("order_id,customer_id,order_date,created_at,amount", "time", ("order_date", "created_at")),
        ("order_id,customer_id,user_id,date,amount", "customer", ("customer_id", "user_id")),
        ("order_id,order_number,customer_id,date,amount", "transaction", ("order_id", "order_number")),
    ],
)
def test_two_columns_that_could_be_meant_are_asked_about(text: str, field: str, names: tuple[str, ...]) -> None:
    with pytest.raises(AmbiguousError, match=rf"--set columns.{field}=\w+ or --set columns.{field}=\w+$") as error:
        recognise(header(text))
    for name in names:
        assert f"--set columns.{field}={name}" in str(error.value)
        mapping = Reading(settings=(f"columns.{field}={name}",)).mapping_of(header(text))
        assert mapping.columns.named()[field] == name


def test_an_amount_beside_quantity_and_price_is_asked_about() -> None:
    headers = header("order_id,customer_id,date,quantity,unit price,total")
    with pytest.raises(AmbiguousError) as error:
        recognise(headers)
    assert str(error.value) == (
        "an amount can be the column 'total' (--set columns.amount=total) or 'quantity' times 'unit price' "
        "(--set 'columns.price=unit price')"
    )
    amount = Reading(settings=("columns.amount=total",)).mapping_of(headers).columns
    assert (amount.amount, amount.quantity, amount.price) == ("total", "", "")
    price = Reading(settings=("columns.price=unit price",)).mapping_of(headers).columns
    assert (price.amount, price.quantity, price.price) == ("", "quantity", "unit price")


def test_a_mapping_names_columns_in_any_spelling_and_the_preset_adds_the_others() -> None:
    mapping = from_toml('preset = "orders"\n[columns]\namount = "gesamt summe"', "shop.toml")
    columns = complete(mapping, header("order_id,customer_id,date,amount,Gesamt_Summe,country")).columns
    assert (columns.amount, columns.country, columns.transaction) == ("Gesamt_Summe", "country", "order_id")


def test_a_mapping_without_a_preset_has_only_its_own_columns() -> None:
    mapping = Mapping(columns=MappedColumns(transaction="a", customer="b", time="c", amount="d"))
    assert complete(mapping, header("d,c,b,a,country")) == mapping


def test_a_column_that_the_file_does_not_hold_is_named_with_those_that_it_holds() -> None:
    mapping = Mapping(columns=MappedColumns(transaction="a", customer="b", time="c", amount="d"))
    with pytest.raises(DataError, match=r"^columns.time: the file has no column 'c'; it has 'a', 'b', 'x', 'd'$"):
        complete(mapping, header("a,b,x,d"))


def test_of_two_columns_with_one_plain_name_the_exact_one_is_meant() -> None:
    mapping = Mapping(columns=MappedColumns(transaction="ID", customer="id", time="c", amount="d"))
    assert complete(mapping, header("id,ID,c,d")) == mapping


def test_the_preset_of_a_setting_wins_over_the_header() -> None:
    reading = Reading(settings=("preset=orders", "columns.amount=Total", "columns.transaction=Name"))
    mapping = reading.mapping_of(header("Name,Email,Created at,Lineitem name,Total"))
    assert (mapping.preset, mapping.columns.quantity) == ("orders", "")


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_is_a_valid_mapping(name: str) -> None:
    assert preset(name).preset == name


def test_there_is_no_other_preset() -> None:
    with pytest.raises(DataError, match=r"there is no preset 'magento'; there are online-retail, online-retail-ii, "):
        preset("magento")
