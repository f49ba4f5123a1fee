"""Transactions: which rows are kept, which are left out and counted, and how they are encoded."""

from decimal import Decimal

import msgspec
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract import wire
from data.datasets import frames, synthetic
from data.datasets.cells import DataError
from data.datasets.dataset import Dataset
from models.units import to_money_units
from tests.support.dataset_lines import lines_of
from tests.support.examples import examples
from tests.support.retail import REAL, retail

COLUMNS = ("invoice", "quantity", "price_units", "minute", "customer", "export", "country")


def raw(*rows: tuple[object, ...]) -> pd.DataFrame:
    """Rows of (invoice, quantity, price in units, minute, customer, export, country); later ones have defaults."""
    defaults = ("1", 1, 10_000, 0, "13085", 0, "France")
    frame = pd.DataFrame([row + defaults[len(row) :] for row in rows], columns=COLUMNS)
    minutes = pd.to_timedelta(frame.pop("minute"), unit="min")
    return frame.assign(
        stock_code="85048",
        description=pd.array(["MUG"] * len(frame), dtype="str"),
        occurred_at=(pd.Timestamp("2010-12-01 08:00", tz="UTC") + minutes).dt.as_unit("us"),
        row=range(1, len(frame) + 1),
    ).astype({"invoice": "str", "customer": "str", "country": "str"})


def clean(*rows: tuple[object, ...]) -> Dataset:
    return frames.clean(raw(*rows), "shop")


def test_an_invoice_is_one_transaction_with_the_total_of_its_lines() -> None:
    data = clean(("1", 2, 12_345), ("1", 3, 10), ("2", 1, 5))
    assert data.transactions["transaction_id"].tolist() == ["1", "2"]
    assert data.transactions["amount_units"].tolist() == [24_720, 5]
    assert data.transactions["line_count"].tolist() == [2, 1]


def test_a_credit_note_is_a_return_with_a_positive_amount() -> None:
    data = clean(("C1", -2, 12_345), ("2", 1, 5))
    by_id = data.transactions.set_index("transaction_id")
    assert (by_id["kind"].loc["C1"], by_id["amount_units"].loc["C1"]) == ("return", 24_690)
    assert (data.report.sales, data.report.returns) == (1, 1)


def test_guests_and_adjustments_are_left_out_and_counted() -> None:
    data = clean(("1",), ("2", 1, 1, 0, None), ("2", 1, 1, 0, None), ("A3", 1, -9, 0, None), ("A4", 1, -9, 0, "13085"))
    assert data.transactions["transaction_id"].tolist() == ["1"]
    report = data.report
    assert (report.rows, report.guest_rows, report.guest_invoices, report.not_sale_rows) == (5, 3, 2, 2)
    assert (report.lines, report.transactions, report.customers) == (1, 1, 1)


def test_an_invoice_that_a_later_export_repeats_is_kept_from_the_first_one_only() -> None:
    rows = [("1",), ("2", 1, 1, 5), ("2", 1, 1, 5), ("2", 1, 1, 5, "13085", 1), ("2", 1, 1, 5, "13085", 1)]
    data = clean(*rows, ("3", 1, 1, 9, "13085", 1), ("3", 1, 1, 9, "13085", 1))
    assert data.transactions["transaction_id"].tolist() == ["1", "2", "3"]
    assert data.transactions["line_count"].tolist() == [1, 2, 2], "equal lines of one invoice are legitimate"
    assert (data.report.overlap_invoices, data.report.overlap_rows, data.report.exports) == (1, 2, 2)


def test_transactions_are_in_event_time_order_and_ties_in_order_of_their_ids() -> None:
    data = clean(("9", 1, 1, 7), ("5", 1, 1, 7), ("7", 1, 1, 3), ("5", 2, 2, 7))
    assert data.transactions["transaction_id"].tolist() == ["7", "5", "9"]
    assert lines_of(data)["transaction_id"].tolist() == ["7", "5", "5", "9"]
    assert lines_of(data)["quantity"].tolist() == [1, 1, 2, 1], "the lines of an invoice stay in the file's order"


def test_the_lines_of_a_long_invoice_stay_in_the_order_of_the_file() -> None:
    data = clean(*((f"{number % 2}", number + 1) for number in range(400)))
    assert lines_of(data)["quantity"].tolist() == [*range(1, 401, 2), *range(2, 401, 2)]


def test_an_invoice_with_two_moments_happened_at_the_first_one() -> None:
    data = clean(("1", 1, 1, 9), ("1", 1, 1, 4), ("2", 1, 1, 5))
    assert data.transactions["occurred_at"].dt.minute.tolist() == [4, 5]


def test_the_country_of_a_transaction_is_that_of_its_first_line() -> None:
    data = clean(("1", 1, 1, 0, "13085", 0, "Spain"), ("1", 1, 1, 0, "13085", 0, "EIRE"))
    assert data.transactions["country"].tolist() == ["Spain"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("1",), ("C7", 1, 15_000)], "shop: line 2: invoice C7: a total of 1.50 is positive for a return"),
        ([("1",), ("7", 10**6, 10**7)], "shop: line 2: quantity times price is too large an amount"),
        # 2**72 overflows to 0 in 64 bits.
        ([("1",), ("7", 2**29, 2**43)], "shop: line 2: quantity times price is too large an amount"),
        ([("1", 1, 1, 0, None)], "shop: no transaction of a known customer is left: of 1 row, 1 has no customer"),
        ([], "shop: there is no row below the names of the columns"),
    ],
)
def test_an_invalid_invoice_is_named(rows: list[tuple[object, ...]], message: str) -> None:
    with pytest.raises(DataError) as error:
        clean(*rows)
    assert str(error.value).startswith(message)


def test_the_total_of_a_sale_or_a_return_may_be_zero() -> None:
    data = clean(("1", 1, 0), ("C2", -1, 0), ("3", 2, 10_000), ("3", -2, 10_000))
    assert data.transactions["amount_units"].tolist() == [0, 0, 0]


@pytest.mark.slow
@given(st.permutations(range(8)), st.data())
@settings(max_examples=examples(30))
def test_a_transaction_does_not_depend_on_the_order_of_other_invoices(order: list[int], draw: st.DataObject) -> None:
    minutes = draw.draw(st.lists(st.integers(0, 3), min_size=8, max_size=8))
    rows = [(str(100 + i), i + 1, 10 * i, minutes[i]) for i in range(8)]
    shuffled = clean(*(rows[i] for i in order))
    pd.testing.assert_frame_equal(shuffled.transactions, clean(*rows).transactions)
    assert list(shuffled.wire_transactions()) == list(clean(*rows).wire_transactions())


def test_a_transaction_is_encoded_with_its_lines_and_exact_decimal_texts() -> None:
    source = raw(("1", 2, 12_345), ("1", 1, 100_000), ("1", 1, 0))
    source.loc[1, "description"] = None
    sent = frames.clean(source, "shop").wire_transactions()
    assert msgspec.to_builtins(next(sent)) == {
        "type": "transaction",
        "transaction_id": "1",
        "customer_id": "13085",
        "occurred_at": "2010-12-01T08:00:00Z",
        "kind": "sale",
        "amount": "12.469",
        "currency": "GBP",
        "country": "France",
        "lines": [
            {"stock_code": "85048", "description": "MUG", "quantity": 2, "price": "1.2345"},
            {"stock_code": "85048", "description": None, "quantity": 1, "price": "10.00"},
            {"stock_code": "85048", "description": "MUG", "quantity": 1, "price": "0.00"},
        ],
    }


@pytest.mark.slow
def test_any_section_can_be_encoded_alone() -> None:
    data = frames.clean(synthetic.generate(customers=400, days=400), "synthetic")
    count = len(data.transactions)
    assert count > 2_000, "more than one chunk"
    everything = list(data.wire_transactions())
    assert len(everything) == count
    for start, stop in (
        (0, 0),
        (0, 1),
        (count - 1, None),
        (1_999, 2_001),
        (7, 2_500),
        (5, 3),
        (count, None),
        (0, 10**9),
    ):
        assert list(data.wire_transactions(start, stop)) == everything[start:stop]


@pytest.mark.slow
def test_every_encoded_transaction_is_valid_and_the_totals_agree() -> None:
    data = retail()
    step = max(len(data.transactions) // 3_000, 1)
    decode = msgspec.json.Decoder(wire.Transaction).decode
    for number, sent in enumerate(data.wire_transactions()):
        if number % step:
            continue
        received = decode(msgspec.json.encode(sent))
        assert received == sent
        assert abs(sum(line.quantity * Decimal(line.price) for line in received.lines)) == Decimal(received.amount)
        assert to_money_units(Decimal(sent.amount)) == data.transactions["amount_units"].iat[number]
        assert (sent.kind == "return") == sent.transaction_id.startswith("C")


@pytest.mark.skipif(not REAL.exists(), reason="the real dataset is not here")
class TestTheRealDataset:
    """The real dataset, compared with a computation in pandas from the file."""

    def test_its_totals_are_the_known_ones(self) -> None:
        report = retail().report
        assert (report.rows, report.exports) == (1_067_371, 2)
        assert (report.guest_rows, report.guest_invoices, report.not_sale_rows) == (243_007, 8_752, 6)
        assert (report.overlap_rows, report.overlap_invoices) == (22_523, 1_088)
        assert (report.transactions, report.returns, report.customers) == (44_876, 7_901, 5_942)
        transactions = retail().transactions
        assert transactions.loc[transactions["kind"] == "sale", "customer_id"].nunique() == 5_881

    def test_its_transactions_are_those_that_pandas_computes(self) -> None:
        source = pd.read_parquet(REAL)
        in_first = set(source.loc[source["sheet"] == "Year 2009-2010", "Invoice"])
        repeated = (source["sheet"] == "Year 2010-2011") & source["Invoice"].isin(in_first)
        kept = source[~repeated & source["Customer ID"].notna() & ~source["Invoice"].str.startswith("A")]
        units = kept["Quantity"].astype("int64") * (kept["Price"].astype(float) * 10_000).round().astype("int64")
        expected = (
            kept.assign(units=units)
            .groupby("Invoice")
            .agg(
                customer_id=("Customer ID", "first"),
                occurred_at=("InvoiceDate", "min"),
                amount_units=("units", "sum"),
                country=("Country", "first"),
                line_count=("units", "size"),
            )
        )
        found = retail().transactions.set_index("transaction_id").loc[expected.index]
        assert len(found) == len(retail().transactions)
        assert found["customer_id"].tolist() == expected["customer_id"].astype(int).astype(str).tolist()
        assert (found["occurred_at"].dt.tz_localize(None) == expected["occurred_at"]).all()
        assert (found["amount_units"] == expected["amount_units"].abs()).all()
        assert ((found["kind"] == "return") == expected.index.str.startswith("C")).all()
        assert (found["country"] == expected["country"]).all()
        assert (found["line_count"] == expected["line_count"]).all()
