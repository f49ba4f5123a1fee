"""What a record means by a mapping."""

import csv
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract.wire import Line, Transaction
from data.datasets.load import load
from data.datasets.mapping import Mapping
from data.datasets.mapping_toml import from_toml, with_settings
from data.datasets.reading import Reading
from services.ingest.mapped_records import RecordReader
from services.ingest.outcomes import AcceptedRecord, Passed, RecordOutcome, Rejected
from stream_app.core.decode import decode
from tests.support.kafka_envelopes import debezium, jdbc, plain, row

TEXT = """
[columns]
transaction = "id"
customer = "email"
time = "created_at"
amount = "total"
status = "status"
"""
LINES = """
[columns]
transaction = "number"
customer = "buyer.id"
time = "at"
quantity = "items.qty"
price = "items.price"
stock_code = "items.sku"
[records]
lines = "items"
[not_sales]
stock_codes = ["POST"]
"""
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def reader(*keys: str, text: str = TEXT, currency: str = "GBP") -> RecordReader:
    return RecordReader(mapping(*keys, text=text), currency)


def mapping(*keys: str, text: str = TEXT) -> Mapping:
    return with_settings(from_toml(text, "shop.toml"), keys)


def encoded(**order: Any) -> bytes:
    return json.dumps(order).encode()


def transactions(outcome: RecordOutcome) -> list[Transaction]:
    assert isinstance(outcome, AcceptedRecord), outcome
    return outcome.transactions


def one(outcome: RecordOutcome) -> Transaction:
    (only,) = transactions(outcome)
    return only


def reason(outcome: RecordOutcome) -> str:
    assert isinstance(outcome, Rejected), outcome
    return outcome.reason


@pytest.mark.parametrize(
    "value",
    [
        encoded(**plain()),
        debezium("c", plain()),
        debezium("r", row(), schema=True),
        debezium("u", row(), row(total=None), schema=True),
        jdbc(),
        encoded(**plain(created_at="2024-05-01T14:00:00+02:00", total=12.5)),
        encoded(**plain(created_at=1_714_564_800, total="£12.50")),
    ],
)
def test_the_same_order_in_each_envelope_is_the_same_transaction(value: bytes) -> None:
    sold = one(reader().read(value))
    assert sold == Transaction(
        "1004", "ann@example.org", NOON, "sale", "12.50", "GBP", "Unspecified", [Line("", None, 1, "12.50")]
    )


ORDER = {
    "number": "A1",
    "buyer": {"id": 7},
    "at": "2024-05-01T12:00:00Z",
    "items": [
        {"sku": "mug", "qty": 2, "price": 4.5},
        {"sku": "POST", "qty": 1, "price": "3.90"},
        {"qty": 1, "price": 1.234},
    ],
}


def test_an_order_with_a_list_of_lines_is_one_transaction() -> None:
    sold = one(reader(text=LINES).read(encoded(**ORDER)))
    assert (sold.customer_id, sold.amount) == ("7", "10.234")
    assert sold.lines == [Line("mug", None, 2, "4.50"), Line("", None, 1, "1.234")], "postage is no sale"


def test_a_column_of_json_holds_a_list_of_lines_too() -> None:
    assert transactions(reader(text=LINES).read(encoded(**ORDER | {"items": json.dumps(ORDER["items"])})))


def test_an_amount_of_the_order_counts_whatever_its_lines_add_up_to() -> None:
    sold = one(
        reader("columns.amount=total", "columns.quantity=items.qty", "columns.price=items.price", text=LINES).read(
            encoded(**ORDER, total=20)
        )
    )
    assert (sold.amount, len(sold.lines)) == ("20.00", 2)


@pytest.mark.parametrize("items", [None, "mug", [], [1], {"sku": "mug"}])
def test_an_order_without_its_lines_is_rejected(items: Any) -> None:
    assert isinstance(reader(text=LINES).read(encoded(**ORDER | {"items": items})), Rejected)


@pytest.mark.parametrize(
    ("order", "keys", "kind", "amount"),
    [
        ({"total": -5}, [], "return", "5.00"),
        ({"id": "R7"}, ["returns.prefix=R", "columns.amount=minus"], "return", "3.00"),
        ({"status": "x", "type": "refund"}, ["columns.kind=type", "returns.kinds=refund"], "return", "12.50"),
        ({"type": "sale"}, ["columns.kind=type", "returns.kinds=refund"], "sale", "12.50"),
    ],
)
def test_a_return_looks_as_it_does_in_files(order: dict[str, Any], keys: list[str], kind: str, amount: str) -> None:
    sold = one(reader(*keys).read(encoded(**plain(minus=-3) | order)))
    assert (sold.kind, sold.amount) == (kind, amount)


def test_what_was_paid_back_is_a_return_of_its_own() -> None:
    sold, paid_back = transactions(reader("columns.refund=refunded").read(encoded(**plain(refunded="2.50"))))
    assert (sold.kind, sold.amount, paid_back.kind, paid_back.amount) == ("sale", "12.50", "return", "2.50")
    assert paid_back.transaction_id == "1004-refund"


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ({"email": None}, "guest"),
        ({"email": "NULL"}, "guest"),
        ({"status": "cancelled"}, "not a sale"),
        ({"status": "cancelled", "total": "unreadable"}, "not a sale"),
    ],
)
def test_what_is_no_sale_of_a_known_customer_is_passed_over(order: dict[str, Any], why: str) -> None:
    assert reader('not_sales.statuses=["cancelled"]').read(encoded(**plain() | order)) == Passed(why)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("order", "keys", "said"),
    [
        ({"total": "12,x"}, [], "total: '12,x' is not a number"),
        ({"total": None}, [], "total: the field is blank"),
        ({"total": [1]}, [], "total: the field is a list"),
        ({"total": "$12.50"}, [], "total: '\\$12.50' is not an amount in GBP"),
        ({"currency": "USD"}, ["columns.currency=currency"], "currency: 'USD' is not the currency GBP"),
        ({"id": None}, [], "id: the field is blank"),
        ({"id": "x" * 65}, [], "longer than 64"),
        ({"created_at": "soon"}, [], "created_at: 'soon' is not"),
        ({"created_at": 19844}, [], "created_at: '19844' is not between"),
        ({"total": 0.00001}, [], "more than 4 decimals"),
        ({"created_at": "2024-03-31T02:30:00"}, ["time.zone=Europe/Berlin"], "the clocks went forward"),
    ],
)
def test_a_record_that_cannot_be_mapped_names_the_field_and_the_reason(
    order: dict[str, Any], keys: list[str], said: str
) -> None:
    outcome = reader(*keys).read(encoded(**plain() | order))
    with pytest.raises(ValueError, match=said):
        raise ValueError(reason(outcome))


@pytest.mark.parametrize("name", ["id", "email", "created_at", "total"])
def test_a_record_without_a_needed_field_is_rejected(name: str) -> None:
    assert f"no field '{name}'" in reason(
        reader().read(encoded(**{key: v for key, v in plain().items() if key != name}))
    )


def test_a_shop_may_leave_the_customer_of_guests_out() -> None:
    order = plain()
    del order["email"]
    assert reader("records.omits_blank=true").read(encoded(**order)) == Passed("guest")


@pytest.mark.parametrize(
    ("order", "keys"),
    [
        ({"created_at": "01/02/2024"}, []),
        ({"created_at": "01-02-24"}, []),
        ({"total": "1,234"}, []),
        ({"total": "1.234"}, []),
        ({"email": "1.23457E+11"}, []),
    ],
)
def test_a_cell_with_two_readings_is_never_guessed(order: dict[str, Any], keys: list[str]) -> None:
    outcome = reader(*keys).read(encoded(**plain() | order))
    assert isinstance(outcome, Rejected)
    assert outcome.is_ambiguous
    assert "--set" in outcome.reason


@pytest.mark.parametrize(
    ("order", "setting", "expected"),
    [
        ({"created_at": "01/02/2024 12:00"}, "time.day_first=true", datetime(2024, 2, 1, 12, tzinfo=UTC)),
        ({"created_at": "01/02/2024 12:00"}, "time.day_first=false", datetime(2024, 1, 2, 12, tzinfo=UTC)),
        ({"total": "1,234"}, "money.decimal=,", "1.234"),
        ({"total": "1,234"}, "money.decimal=.", "1234.00"),
    ],
)
def test_the_mapping_decides_between_two_readings(order: dict[str, Any], setting: str, expected: Any) -> None:
    sold = one(reader(setting).read(encoded(**plain() | order)))
    assert expected in (sold.occurred_at, sold.amount)


def test_a_number_of_json_is_no_evidence_for_the_marks_of_texts() -> None:
    read = reader("columns.refund=refunded").read(encoded(**plain(total="3,500", refunded=1.5)))
    assert isinstance(read, Rejected)
    assert read.is_ambiguous


@pytest.mark.parametrize("value", [debezium("c", plain()), jdbc()], ids=["debezium without a schema", "jdbc"])
def test_a_count_since_1970_that_may_be_a_local_time_is_asked_about(value: bytes) -> None:
    berlin = "time.zone=Europe/Berlin"
    read = reader(berlin).read(value)
    assert isinstance(read, Rejected)
    assert read.is_ambiguous
    assert one(reader(berlin, "records.epochs=utc").read(value)).occurred_at == NOON
    assert one(reader(berlin, "records.epochs=local").read(value)).occurred_at == NOON.replace(hour=10)


def test_a_schema_of_debezium_says_that_a_time_is_local() -> None:
    read = reader("time.zone=Europe/Berlin").read(debezium("c", row(), schema=True))
    assert one(read).occurred_at == NOON.replace(hour=10)


@pytest.mark.parametrize(
    ("after", "before", "said"),
    [
        ({"status": "cancelled"}, {"status": "paid"}, "is no sale, but it was a transaction before"),
        ({"status": "cancelled"}, None, "is no sale, but it may have been a transaction before"),
        ({"email": None}, {}, "has no customer, but it was"),
        ({"email": "eve@example.org"}, {}, "changes the number or the customer"),
    ],
)
def test_an_update_that_takes_an_order_back_is_a_dead_letter(
    after: dict[str, Any], before: dict[str, Any] | None, said: str
) -> None:
    update = debezium("u", plain() | after, None if before is None else plain() | before)
    assert said in reason(reader('not_sales.statuses=["cancelled"]').read(update))


def test_an_update_of_an_order_that_never_was_a_sale_is_passed_over() -> None:
    update = debezium("u", plain(status="cancelled"), plain(status="pending"))
    assert reader('not_sales.statuses=["cancelled", "pending"]').read(update) == Passed("not a sale")


def test_an_order_that_becomes_a_sale_by_an_update_is_one() -> None:
    update = debezium("u", plain(status="paid"), plain(status="pending"))
    assert one(reader('not_sales.statuses=["pending"]').read(update)).amount == "12.50"


def test_a_preset_finds_the_fields_that_the_mapping_does_not_name() -> None:
    sold = one(
        reader(text='preset = "orders"').read(
            encoded(order_id=1, customer_id="c", created_at="2024-05-01", amount=3, country="FR")
        )
    )
    assert (sold.transaction_id, sold.amount, sold.country) == ("1", "3.00", "FR")


FIELDS = st.sampled_from(["id", "email", "created_at", "total", "status", "other"])
CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["2024-05-01", "01/02/2024", "1,234", "12.50", 1714564800000, [], {}, {"id": 1}]),
)


@given(st.dictionaries(FIELDS, CELLS), st.sampled_from(["c", "u", ""]))
def test_every_record_is_a_transaction_or_passed_over_or_has_one_reason(order: dict[str, Any], op: str) -> None:
    outcome = reader().read(debezium(op, order) if op else encoded(**order))
    if isinstance(outcome, Rejected):
        assert outcome.reason
        assert len(outcome.reason) < 1_000


@given(st.lists(st.dictionaries(FIELDS, CELLS).map(lambda more: plain() | more), max_size=5))
def test_what_a_record_means_depends_on_no_other_record(orders: list[dict[str, Any]]) -> None:
    """So a restart, or another order of partitions, changes nothing."""
    values = [encoded(**order) for order in orders]
    together = reader()
    assert [together.read(value) for value in values] == [reader().read(value) for value in values]


@given(st.lists(st.dictionaries(FIELDS, CELLS).map(lambda more: plain() | more), max_size=5))
def test_the_worker_accepts_what_ingestion_accepts(orders: list[dict[str, Any]]) -> None:
    for order in orders:
        outcome = reader().read(encoded(**order))
        for sold in outcome.transactions if isinstance(outcome, AcceptedRecord) else []:
            record = KafkaRecord(sold.customer_id.encode(), msgspec.json.encode(sold))
            (batch,) = decode([record], "GBP")
            assert not batch.dead_letters


class KafkaRecord(NamedTuple):
    key: bytes
    value: bytes
    offset: int = 0
    timestamp: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


HEADER = ("id", "email", "created_at", "total", "status", "type", "refunded", "land")
ROWS = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["{}", "R{}", "B{}", " {}.0 "]),
        "email": st.sampled_from(["ann", "bob", "", "NULL", "test", " eve "]),
        "created_at": st.sampled_from(["2024-05-01 08:26", "2024-05-01T08:26:01Z", "2024-05-01", "2024-13-01", ""]),
        "total": st.sampled_from(["12.50", "-3", "0", "1,000.00", "£4", "$4", "x", "", "1000000000"]),
        "status": st.sampled_from(["", "paid", "Cancelled"]),
        "type": st.sampled_from(["", "sale", "Refund"]),
        "refunded": st.sampled_from(["", "0", "2.50", "-2.50", "x"]),
        "land": st.sampled_from(["", "NULL", "France"]),
    }
)
SHOP = """
[columns]
transaction = "id"
customer = "email"
time = "created_at"
amount = "total"
status = "status"
kind = "type"
refund = "refunded"
country = "land"
[time]
format = "iso"
zone = "Europe/Berlin"
[money]
decimal = "."
currency = "GBP"
[returns]
prefix = "R"
kinds = ["refund"]
[not_sales]
statuses = ["cancelled"]
customers = ["test"]
transaction_prefixes = ["B"]
"""


@pytest.mark.slow
@settings(max_examples=8)
@given(st.lists(ROWS, min_size=10, max_size=40))
def test_a_record_means_what_it_means_as_a_row_of_a_file(rows: list[dict[str, str]]) -> None:
    rows = [row | {"id": row["id"].format(number)} for number, row in enumerate(rows)]
    # A file also compares returns with each other: a shop writes all of them as negative amounts, or none.
    rows = [row for row in rows if not (row["type"] == "Refund" and row["total"].startswith("-"))]
    always = dict(zip(HEADER, ("last", "ann", "2024-05-01", "1.00", "", "", "", ""), strict=True))
    rows.append(always)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "orders.csv"
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, HEADER)
            writer.writeheader()
            writer.writerows(rows)
        with load([file], Reading(mapping(text=SHOP), on_error="skip")) as dataset:
            of_file = sorted(dataset.wire_transactions(), key=lambda sold: sold.transaction_id)
            counts = (dataset.report.rejected_rows,)
    records = [reader(text=SHOP).read(encoded(**row)) for row in rows]
    of_records = [sold for outcome in records if isinstance(outcome, AcceptedRecord) for sold in outcome.transactions]
    assert sorted(of_records, key=lambda sold: sold.transaction_id) == of_file
    assert (sum(isinstance(outcome, Rejected) for outcome in records),) == counts
