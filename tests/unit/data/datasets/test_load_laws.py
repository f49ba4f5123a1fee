"""Laws of reading files: neither the order of rows nor the number, the kind or the place of files matters."""

import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from random import Random

import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract import wire
from data.datasets.cells import DataError
from data.datasets.load import load
from data.datasets.reading import Reading
from stream_app.core.decode import decode
from tests.support.examples import examples
from tests.support.in_memory_worker import logs
from tests.support.shop_files import HEADER, write

pytestmark = pytest.mark.slow

COLUMNS = HEADER.split(",")
Row = tuple[str, ...]


@st.composite
def shops(draw: st.DrawFn) -> list[Row]:
    """Rows of a few invoices: with guests, returns and free lines. An invoice's lines differ in their stock code."""
    rows: list[Row] = []
    for number in range(draw(st.integers(1, 6))):
        is_return = draw(st.booleans())
        customer = draw(st.sampled_from(["ann", "bob", "13085", ""]))
        for code in range(draw(st.integers(1, 3))):
            quantity = draw(st.integers(1, 20)) * (-1 if is_return else 1)
            at = f"2024-03-0{draw(st.integers(1, 3))} 10:0{draw(st.integers(0, 9))}"
            price = f"{draw(st.integers(0, 5_000)) / 100:.2f}"
            rows.append((f"I{number}", f"S{code}", "MUG", str(quantity), at, price, customer, "UK"))
    return rows


def read(*paths: Path) -> list[wire.Transaction]:
    with load(paths) as dataset:
        return list(dataset.wire_transactions())


def csv(folder: Path, rows: Sequence[Row], name: str = "shop.csv") -> Path:
    return write(folder, *(",".join(row) for row in rows), name=name)


def unordered(sent: Sequence[wire.Transaction]) -> list[object]:
    """Transactions with their lines in an order that does not depend on the file."""
    return [
        (one.transaction_id, one.customer_id, one.occurred_at, one.kind, one.amount, one.country, _lines(one))
        for one in sent
    ]


def _lines(one: wire.Transaction) -> list[tuple[str, int, str]]:
    return sorted((line.stock_code, line.quantity, line.price) for line in one.lines)


def has_customers(rows: Sequence[Row]) -> bool:
    return any(row[6] for row in rows)


@given(shops().filter(has_customers), st.randoms(use_true_random=False))
@settings(max_examples=examples(25), deadline=None)
def test_the_order_of_rows_does_not_matter(rows: list[Row], random: Random) -> None:
    turned = list(rows)
    random.shuffle(turned)
    with tempfile.TemporaryDirectory() as folder:
        first, second = csv(Path(folder), rows, "a.csv"), csv(Path(folder), turned, "b.csv")
        assert unordered(read(first)) == unordered(read(second))


@given(shops().filter(has_customers), st.data())
@settings(max_examples=examples(25), deadline=None)
def test_a_file_that_is_cut_between_invoices_is_the_same_dataset(rows: list[Row], data: st.DataObject) -> None:
    borders = [number for number in range(1, len(rows)) if rows[number][0] != rows[number - 1][0]]
    cuts = sorted(data.draw(st.sets(st.sampled_from(borders)))) if borders else []
    with tempfile.TemporaryDirectory() as folder:
        whole = csv(Path(folder), rows, "whole.csv")
        parts = [
            csv(Path(folder), rows[begin:end], f"part{begin}.csv")
            for begin, end in zip([0, *cuts], [*cuts, len(rows)], strict=True)
        ]
        assert read(*parts) == read(whole)


@given(shops().filter(has_customers))
@settings(max_examples=examples(15), deadline=None)
def test_a_copy_of_a_file_adds_nothing(rows: list[Row]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, copy = csv(Path(folder), rows, "a.csv"), csv(Path(folder), rows, "b.csv")
        assert read(first, copy) == read(first)


@given(shops().filter(has_customers))
@settings(max_examples=examples(15), deadline=None)
def test_csv_parquet_and_xlsx_are_read_the_same(rows: list[Row]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        expected = read(csv(Path(folder), rows))
        assert read(_parquet(Path(folder), rows)) == expected
        assert read(_xlsx(Path(folder), rows)) == expected


CELLS = {
    "InvoiceNo": ["1", "C2", "c2", "A3", "", "x" * 64, "x" * 65, "Ä\u0301 7", "a\x01b"],
    "Quantity": ["1", "-1", "0", "1.0", "1.5", "999999999", "", "many"],
    "InvoiceDate": ["2024-03-01 10:00", "1970-01-01", "1969-12-31 23:59", "2199-12-31 23:59", "2200-01-01", "", "soon"],
    "UnitPrice": ["1", "0", "-5.00", "0.0001", "0.00001", "999999999.9999", "1000000000", "", "£3"],
    "CustomerID": ["13085", "13085.0", " ann ", "", "y" * 64, "y" * 65, "nan", "zoë\u200b"],
    "Country": ["UK", "", " ", "z" * 64, "z" * 65],
}


@given(st.lists(st.fixed_dictionaries({name: st.sampled_from(cells) for name, cells in CELLS.items()}), max_size=8))
@settings(max_examples=examples(60), deadline=None)
def test_what_a_file_may_hold_the_worker_accepts(rows: list[dict[str, str]]) -> None:
    lines = [tuple(row.get(name, "A10") for name in COLUMNS) for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = csv(Path(folder), lines)
        try:
            dataset = load(path, Reading(on_error="skip"))
        except DataError:
            return
        with dataset:
            sent = list(dataset.wire_transactions())
            assert len(sent) == dataset.report.transactions
            (log,) = logs(sent, 1)
            (batch,) = decode(log, dataset.currency)
            assert batch.dead_letters == []
            assert batch.transaction_id == [one.transaction_id for one in sent]
            assert batch.amount == [int(Decimal(one.amount) * 10_000) for one in sent]
            assert batch.occurred_at == dataset.moments.tolist()


def _parquet(folder: Path, rows: Sequence[Row]) -> Path:
    columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
    pa.parquet.write_table(pa.table({name: list(cells) for name, cells in columns.items()}), folder / "shop.parquet")
    return folder / "shop.parquet"


def _xlsx(folder: Path, rows: Sequence[Row]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(COLUMNS)
    for row in rows:
        sheet.append([None if cell == "" else cell for cell in row])
    book.save(folder / "shop.xlsx")
    return folder / "shop.xlsx"
