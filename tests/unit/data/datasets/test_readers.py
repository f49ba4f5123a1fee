"""Raw files: every known layout gives the same rows, and errors name the place."""

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.datasets import cells, readers
from data.datasets.cells import DataError
from models.units import from_money_units
from tests.support.retail import REAL

HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
OLD_HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
ROWS = (
    "489434,85048,15CM CHRISTMAS GLASS BALL,12,2009-12-01 07:45:00,6.95,13085.0,United Kingdom",
    'C489449,22087,"BUNTING, ""WHITE""",-3,2009-12-01 10:33:00,2.95,16321.0,Australia',
    "489450,POST,,1,2009-12-01 10:34:00,0.001,,EIRE",
)


def csv(tmp_path: Path, *rows: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
    path = tmp_path / "shop.csv"
    path.write_bytes("\n".join([header, *rows, ""]).encode(encoding))
    return path


def with_cell(column: str, value: str) -> str:
    cells = dict(zip(HEADER.split(","), ROWS[0].split(","), strict=True))
    return ",".join((cells | {column: value}).values())


def expected() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "invoice": ["489434", "C489449", "489450"],
            "stock_code": ["85048", "22087", "POST"],
            "description": ["15CM CHRISTMAS GLASS BALL", 'BUNTING, "WHITE"', None],
            "quantity": [12, -3, 1],
            "occurred_at": pd.to_datetime(
                ["2009-12-01 07:45", "2009-12-01 10:33", "2009-12-01 10:34"], utc=True
            ).as_unit("us"),
            "price_units": [69_500, 29_500, 10],
            "customer": ["13085", "16321", None],
            "country": ["United Kingdom", "Australia", "EIRE"],
            "export": [0, 0, 0],
            "row": [1, 2, 3],
        }
    )
    return frame.astype({"description": "str", "customer": "str"})


def test_the_popular_csv_reads_as_the_canonical_columns(tmp_path: Path) -> None:
    pd.testing.assert_frame_equal(readers.read(csv(tmp_path, *ROWS)), expected())


def test_the_older_headers_american_dates_a_byte_order_mark_and_crlf_read_the_same(tmp_path: Path) -> None:
    rows = [
        row.replace("2009-12-01 07:45:00", "12/1/2009 7:45")
        .replace("2009-12-01 10:33:00", "12/01/2009 10:33:00")
        .replace(".0,", ",")
        for row in ROWS
    ]
    path = csv(tmp_path, *(row + "\r" for row in rows), header=OLD_HEADER + "\r", encoding="utf-8-sig")
    pd.testing.assert_frame_equal(readers.read(path), expected())


def test_columns_may_come_in_another_order_with_others_between_them(tmp_path: Path) -> None:
    frame = pd.read_csv(csv(tmp_path, *ROWS), dtype=str)
    frame["Margin"] = "?"
    frame[frame.columns[::-1]].to_csv(tmp_path / "shop.csv", index=False)
    pd.testing.assert_frame_equal(readers.read(tmp_path / "shop.csv"), expected())


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_csv_may_be_utf_8_or_latin_1(tmp_path: Path, encoding: str) -> None:
    path = csv(tmp_path, with_cell("Description", "CAFÉ £1 CRÈME"), encoding=encoding)
    assert readers.read(path)["description"].tolist() == ["CAFÉ £1 CRÈME"]


def test_a_description_may_hold_a_line_break(tmp_path: Path) -> None:
    raw = readers.read(csv(tmp_path, with_cell("Description", '"two\nlines"'), ROWS[1]))
    assert raw["description"].tolist() == ["two\nlines", 'BUNTING, "WHITE"']
    assert raw["row"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("price_type", "customer_type"),
    [
        (pa.decimal128(10, 3), pa.int32()),
        (pa.float64(), pa.float64()),
        (pa.string(), pa.string()),
        (pa.decimal128(18, 4), pa.large_string()),
    ],
)
def test_parquet_reads_the_same_whatever_the_types_of_its_columns(
    tmp_path: Path, price_type: pa.DataType, customer_type: pa.DataType
) -> None:
    table = pa.table(
        {
            "Invoice": ["489434", "C489449", "489450"],
            "StockCode": pa.array(["85048", "22087", "POST"]).dictionary_encode(),
            "Description": ["15CM CHRISTMAS GLASS BALL", 'BUNTING, "WHITE"', None],
            "Quantity": pa.array([12, -3, 1], pa.int32()),
            "InvoiceDate": pa.array(
                [datetime(2009, 12, 1, 7, 45), datetime(2009, 12, 1, 10, 33), datetime(2009, 12, 1, 10, 34)],  # noqa: DTZ001
                pa.timestamp("ms"),
            ),
            "Price": pa.array([Decimal("6.950"), Decimal("2.950"), Decimal("0.001")]).cast(price_type),
            "Customer ID": pa.array([13085, 16321, None], pa.int32()).cast(customer_type),
            "Country": ["United Kingdom", "Australia", "EIRE"],
        }
    )
    pa.parquet.write_table(table, tmp_path / "shop.parquet", row_group_size=2)
    pd.testing.assert_frame_equal(readers.read(tmp_path / "shop.parquet"), expected())


def workbook(path: Path, **sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def xlsx_row(invoice: object, minute: int, price: object, customer: object) -> list[object]:
    return [invoice, 85048, "MUG", 2, datetime(2010, 12, 1, 8, minute), price, customer, "France"]  # noqa: DTZ001


def test_an_xlsx_is_read_sheet_by_sheet_with_numeric_ids_as_text(tmp_path: Path) -> None:
    header: list[object] = list(HEADER.split(","))
    path = workbook(
        tmp_path / "shop.xlsx",
        first=[header, xlsx_row(489434, 1, 2.1, 13085), xlsx_row("C489435", 2, 0.1 + 0.2, None)],
        second=[header, xlsx_row(489434, 1, 3, 13085.0)],
        empty=[],
    )
    raw = readers.read(path)
    assert raw["invoice"].tolist() == ["489434", "C489435", "489434"]
    assert raw["stock_code"].tolist() == ["85048"] * 3
    assert raw["price_units"].tolist() == [21_000, 3_000, 30_000]
    assert raw["customer"].fillna("guest").tolist() == ["13085", "guest", "13085"]
    assert raw["occurred_at"].dt.to_pydatetime().tolist()[1] == datetime(2010, 12, 1, 8, 2, tzinfo=UTC)
    assert raw["export"].tolist() == [0, 0, 1]
    assert raw["row"].tolist() == [1, 2, 1]
    assert raw.dtypes.tolist() == expected().dtypes.tolist()


def test_an_error_in_an_xlsx_names_the_sheet(tmp_path: Path) -> None:
    rows = [list(HEADER.split(",")), xlsx_row(1, 1, 2, 3), xlsx_row(2, 1, "gratis", 3)]
    path = workbook(tmp_path / "shop.xlsx", good=rows[:2], bad=rows)
    with pytest.raises(DataError) as error:
        readers.read(path)
    assert str(error.value) == "shop.xlsx, sheet 'bad': row 2, column Price: 'gratis' is not a price"


def test_a_new_export_begins_where_the_date_jumps_back_by_more_than_a_day(tmp_path: Path) -> None:
    days = ["2010-12-01 09:00", "2010-12-09 20:01", "2010-12-08 20:01", "2010-12-01 08:26", "2010-12-03 08:26"]
    raw = readers.read(csv(tmp_path, *(with_cell("InvoiceDate", day) for day in days)))
    assert raw["export"].tolist() == [0, 0, 0, 1, 1]


def test_a_file_that_is_not_sorted_by_time_is_one_export(tmp_path: Path) -> None:
    days = [f"2010-{month:02}-{day:02} 09:00" for day in (20, 1) for month in range(12, 0, -1)] * 2
    raw = readers.read(csv(tmp_path, *(with_cell("InvoiceDate", day) for day in days)))
    assert set(raw["export"]) == {0}


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("Price", "abc", "'abc' is not a price"),
        ("Price", "", "'' is not a price"),
        ("Price", "NaN", "'NaN' is not a price"),
        ("Price", "1e3", "'1e3' is not a price"),
        ("Price", "0.12345", "'0.12345' is not a price of at most 4 decimals"),
        ("Price", "9999999999", "'9999999999' is too high a price"),
        ("Quantity", "two", "'two' is not a whole number"),
        ("Quantity", "1.5", "'1.5' is not a whole number"),
        ("Quantity", "", "'' is not a whole number"),
        ("Quantity", "1000000000", "'1000000000' is too large a quantity"),
        ("InvoiceDate", "31/12/2009 7:45", "'31/12/2009 7:45' is not a date and time such as"),
        ("InvoiceDate", "", "'' is not a date and time such as"),
        ("InvoiceDate", "40148.32", "'40148.32' is not a date and time such as"),
        ("Invoice", "", "the cell is empty"),
        ("Invoice", "7" * 65, "is longer than 64 characters"),
        ("Country", "a\tb", r"'a\tb' is longer than 64 characters or has control characters"),
    ],
)
def test_an_invalid_cell_is_named_with_its_file_row_and_column(
    tmp_path: Path, column: str, value: str, reason: str
) -> None:
    path = csv(tmp_path, *ROWS, with_cell(column, value), with_cell(column, "?" * 99))
    with pytest.raises(DataError) as error:
        readers.read(path)
    message = str(error.value)
    assert message.startswith(f"shop.csv: row 4, column {column}: ")
    assert reason in message
    assert "\n" not in message


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^shop.csv: no column price or unitprice; found Invoice, .*Cost, Customer ID"):
        readers.read(csv(tmp_path, *ROWS, header=HEADER.replace("Price", "Cost")))


def test_a_ragged_row_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^shop.csv: row 3 has 4 columns, not 8$"):
        readers.read(csv(tmp_path, *ROWS[:2], "489450,POST,,1"))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("shop.parquet", b"not one", "shop.parquet: not a readable Parquet file"),
        ("shop.xlsx", b"not one", "shop.xlsx: not a readable xlsx file"),
        ("shop.xlsx", b"PK\x03\x04 cut off", "shop.xlsx: not a readable xlsx file"),
        ("shop.csv", b"", "shop.csv: no column invoice or invoiceno; found nothing"),
        ("shop.csv", bytes(range(256)), "shop.csv: no column invoice"),
        ("shop.txt", b"", "shop.txt: can't read this kind of file; use .parquet, .csv, .xlsx"),
    ],
)
def test_a_file_with_the_wrong_extension_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        readers.read(tmp_path / name)
    assert str(error.value).startswith(reason)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.csv: no such file$"):
        readers.read(tmp_path / "nowhere.csv")


def test_a_file_without_rows_gives_no_rows(tmp_path: Path) -> None:
    raw = readers.read(csv(tmp_path))
    assert len(raw) == 0
    assert raw.dtypes.tolist() == expected().dtypes.tolist()


@given(st.integers(-(10**13) + 1, 10**13 - 1))
def test_prices_of_four_decimals_are_read_exactly_from_text_and_from_decimals(units: int) -> None:
    amount = from_money_units(units)
    assert cells.price_units(amount) == cells.price_units(f" {amount:f} ") == units


@given(st.integers(-(10**9), 10**9))
def test_prices_of_four_decimals_are_exact_despite_the_floats_of_an_xlsx(units: int) -> None:
    assert cells.price_units(float(from_money_units(units))) == units


@given(st.datetimes(), st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%m/%d/%Y %H:%M"]))
def test_a_moment_is_read_as_utc_in_every_known_form(moment: datetime, form: str) -> None:
    moment = moment.replace(year=max(moment.year, 1000), second=0, microsecond=0)
    assert cells.moment(moment.strftime(form)) == moment.replace(tzinfo=UTC)


def test_a_moment_with_a_zone_is_converted_to_utc(tmp_path: Path) -> None:
    raw = readers.read(csv(tmp_path, with_cell("InvoiceDate", "2010-06-01 09:30:00+01:00")))
    assert raw["occurred_at"].tolist() == [pd.Timestamp("2010-06-01 08:30", tz="UTC")]


def test_only_a_number_loses_the_fraction_of_a_float_column(tmp_path: Path) -> None:
    raw = readers.read(csv(tmp_path, *(with_cell("Customer ID", name) for name in ("13085.0", "13085", "v2.0", " "))))
    assert raw["customer"].fillna("guest").tolist() == ["13085", "13085", "v2.0", "guest"]


@given(st.text(), st.sampled_from(sorted(cells.PARSERS)))
def test_any_cell_is_parsed_or_refused_in_one_line(written: str, column: str) -> None:
    parse, _ = cells.PARSERS[column]
    with suppress(ValueError):
        parse(written)
    assert len(cells.shown(written).splitlines()) == 1
    assert len(cells.shown(written)) <= cells.MAX_TEXT


@pytest.mark.skipif(not REAL.exists(), reason="the real dataset is not here")
def test_the_real_parquet_reads_exactly() -> None:
    raw = readers.read(REAL)
    source = pyarrow.parquet.read_table(REAL).to_pandas()
    assert raw["price_units"].tolist() == [int(price * 10_000) for price in source["Price"]]
    assert raw["quantity"].tolist() == source["Quantity"].tolist()
    assert raw["invoice"].tolist() == source["Invoice"].tolist()
    assert (raw["occurred_at"].dt.tz_localize(None) == source["InvoiceDate"]).all()
    customer = pd.to_numeric(raw["customer"])
    assert (customer.isna() == source["Customer ID"].isna()).all()
    assert (customer.dropna() == source["Customer ID"].dropna()).all()
    assert (raw["export"] == (source["sheet"] == "Year 2010-2011")).all()
