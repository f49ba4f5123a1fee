"""Typed cells become text as people write it, without losing a digit."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest

from data.datasets.cells import DataError
from data.datasets.engine import Engine
from data.datasets.raw import RawTable, line_of, read_raw
from data.datasets.sources import sources

MOMENT = datetime(2010, 12, 1, 8, 26)  # noqa: DTZ001 (a file may hold a time without a zone)
BERLIN = timezone(timedelta(hours=1))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(memory=128 * 2**20, threads=2) as engine:
        yield engine


def read(engine: Engine, path: Path) -> tuple[RawTable, list[tuple[Any, ...]]]:
    [source] = sources([path])
    table, bad = read_raw(engine.db, source, "read")
    assert bad == []
    return table, [row[1:] for row in engine.db.execute("SELECT * FROM read ORDER BY segue_row").fetchall()]


@pytest.mark.parametrize(
    ("values", "kind", "texts"),
    [
        ([MOMENT], pa.timestamp("s"), ["2010-12-01 08:26:00"]),
        ([MOMENT.replace(microsecond=1000)], pa.timestamp("ms"), ["2010-12-01 08:26:00.001"]),
        ([MOMENT, None], pa.timestamp("us"), ["2010-12-01 08:26:00", None]),
        ([MOMENT], pa.timestamp("ns"), ["2010-12-01 08:26:00"]),
        ([MOMENT.replace(tzinfo=BERLIN)], pa.timestamp("us", "Europe/Berlin"), ["2010-12-01 07:26:00+00"]),
        ([MOMENT.replace(tzinfo=UTC)], pa.timestamp("ns", "UTC"), ["2010-12-01 08:26:00+00"]),
        ([date(2010, 12, 1)], pa.date32(), ["2010-12-01"]),
        ([time(8, 26)], pa.time64("us"), ["08:26:00"]),
        ([Decimal("2.550"), Decimal("-0.1")], pa.decimal128(10, 3), ["2.5500", "-0.1000"]),
        ([1, -(2**63), None], pa.int64(), ["1", str(-(2**63)), None]),
        ([2**64 - 1], pa.uint64(), [str(2**64 - 1)]),
        (
            [13085.0, 0.1, float("nan"), 1e15, 1e22, -2.0],
            pa.float64(),
            ["13085", "0.1", None, "1000000000000000", "1e+22", "-2"],
        ),
        ([0.1, 3.0, float("inf")], pa.float32(), ["0.1", "3", "inf"]),
        ([True, False], pa.bool_(), ["true", "false"]),
        (["MUG", "", None, " a "], pa.string(), ["MUG", None, None, " a "]),
        (["MUG"], pa.large_string(), ["MUG"]),
        ([None, None], pa.null(), [None, None]),
    ],
)
def test_a_parquet_column_becomes_text(
    engine: Engine, tmp_path: Path, values: list[Any], kind: pa.DataType, texts: list[str | None]
) -> None:
    path = tmp_path / "shop.parquet"
    column = pa.array(values, kind)
    pa.parquet.write_table(pa.table({"Value": column}), path)
    table, rows = read(engine, path)
    assert table.headers == ["Value"]
    assert rows == [(text,) for text in texts]


def test_coded_texts_and_names_that_differ_in_case_are_read(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    coded = pa.array(["UK", "FR", None, "UK"]).dictionary_encode()
    pa.parquet.write_table(pa.table([coded, pa.array([1, 2, 3, 4])], names=["Price", "price"]), path)
    table, rows = read(engine, path)
    assert table.headers == ["Price", "price (2)"]
    assert rows == [("UK", "1"), ("FR", "2"), (None, "3"), ("UK", "4")]


@pytest.mark.parametrize(
    ("column", "said"),
    [(pa.array([b"x"]), "holds bytes"), (pa.array([[1]]), "lists"), (pa.array([{"a": 1}]), "records")],
)
def test_a_parquet_column_without_text_is_refused_only_if_it_is_needed(
    engine: Engine, tmp_path: Path, column: pa.Array, said: str
) -> None:
    path = tmp_path / "shop.parquet"
    pa.parquet.write_table(pa.table({"Order": pa.array([1]), "Extra": column}), path)
    with pytest.raises(DataError, match=said):
        read(engine, path)
    [source] = sources([path])
    table, _ = read_raw(engine.db, source, "read", columns=lambda headers: headers[:1])
    assert table.rows == 1


def test_a_damaged_parquet_file_is_refused_in_one_line(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    pa.parquet.write_table(pa.table({"Order": [str(number) for number in range(5_000)]}), path)
    whole = path.read_bytes()
    for content in (whole[:100], b"PAR1" + b"\0" * 50, whole[:500] + b"\xff" * 300 + whole[800:]):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read(engine, path)
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith("shop.parquet: ")


def test_the_cells_of_a_sheet_become_text(engine: Engine, tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook["Sheet"]
    sheet.append([])
    sheet.append([" Order ", "When", "Day", "Time", "Price", "Customer", "Paid", None])
    sheet.append(["a", MOMENT, date(2010, 12, 1), time(8, 26), 2.55, 13085.0, True, None])
    sheet.append([])
    sheet.append([7, None, None, None, 1e-7, "0013", False, "note"])
    workbook.save(tmp_path / "shop.xlsx")
    table, rows = read(engine, tmp_path / "shop.xlsx")
    assert table.headers == ["Order", "When", "Day", "Time", "Price", "Customer", "Paid", "column 8"]
    assert rows == [
        ("a", "2010-12-01 08:26:00", "2010-12-01", "08:26:00", "2.55", "13085", "true", None),
        ("7", None, None, None, "0.0000001", "0013", "false", "note"),
    ]
    [source] = sources([tmp_path / "shop.xlsx"])
    assert line_of(source, 2)[0] == 5


def test_an_empty_sheet_has_no_headers(engine: Engine, tmp_path: Path) -> None:
    openpyxl.Workbook().save(tmp_path / "shop.xlsx")
    table, rows = read(engine, tmp_path / "shop.xlsx")
    assert (table.headers, table.rows, rows) == ([], 0, [])


@pytest.mark.parametrize(("first", "said"), [(["Sales report"], "Sales report"), ([536365, 17850, MOMENT], "data")])
def test_a_sheet_without_a_header_is_refused(engine: Engine, tmp_path: Path, first: list[Any], said: str) -> None:
    workbook = openpyxl.Workbook()
    workbook["Sheet"].append(first)
    workbook["Sheet"].append([536366, 17850, MOMENT])
    workbook.save(tmp_path / "shop.xlsx")
    with pytest.raises(DataError, match=said):
        read(engine, tmp_path / "shop.xlsx")
