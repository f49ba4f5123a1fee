"""Rows that cannot be used: named with file, line and text, or set aside and counted."""

import csv
from pathlib import Path

import pytest

from data.datasets.cells import DataError
from runtime.errors import Hint
from tests.support.shop_files import HEADER
from tests.support.shop_readings import read, rows

GOOD = "900001,A10,BLUE MUG,6,2010-12-01 08:26,2.50,50001,UK"
ALSO = "900002,A12,GREEN LAMP,1,2010-12-05 09:10,19.95,50002,France"
BAD = {
    "short": "900009,A13,BIG CLOCK 2,2010-12-04 09:41,2.10,50004,UK",
    "long": "900009,A13,BIG CLOCK,2,2010-12-04 09:41,2.10,50004,UK,more",
    "quoted as a whole": '"900009,A13,""BIG CLOCK,METAL"",2,2010-12-04 09:41,2.10,50004,UK"',
    "total": ",,TOTAL,22,,49.45,,",
    "price": "900009,A13,BIG CLOCK,2,2010-12-04 09:41,free,50004,UK",
    "quantity": "900009,A13,BIG CLOCK,two,2010-12-04 09:41,2.10,50004,UK",
    "date": "900009,A13,BIG CLOCK,2,soon,2.10,50004,UK",
    "id": ",A13,BIG CLOCK,2,2010-12-04 09:41,2.10,50004,UK",
    "no date at all": "900009,A13,BIG CLOCK,2,,2.10,50004,UK",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_row_is_named_with_file_line_and_text(tmp_path: Path, bad: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, rows(GOOD, "", bad, ALSO))
    message = str(caught.value)
    assert "shop.csv" in message
    assert "line 4" in message
    assert "\n" not in message
    assert caught.value.hint is Hint.SET_LINES_ASIDE


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_row_is_set_aside_and_counted(tmp_path: Path, bad: str) -> None:
    found = read(tmp_path, rows(GOOD, "", bad, ALSO), on_error="skip")
    assert found.amounts == ["15.00", "19.95"]
    assert found.rejected_rows == 1
    with (tmp_path / "rejects.csv").open(newline="") as file:
        (rejected,) = csv.DictReader(file)
    assert rejected["line"] == "4"
    assert rejected["reason"]


def test_no_part_of_an_invoice_with_a_bad_row_is_counted(tmp_path: Path) -> None:
    found = read(tmp_path, rows(GOOD, "900001,A11,RED PLATE,x,2010-12-01 08:26,4.25,50001,UK", ALSO), on_error="skip")
    assert found.amounts == ["19.95"]
    assert found.rejected_rows == 2


def test_a_line_number_is_the_one_of_an_editor(tmp_path: Path) -> None:
    several = '900003,A13,"A CLOCK\nOF THREE\nLINES",2,2010-12-04 09:41,2.10,50004,UK'
    with pytest.raises(DataError, match="line 6"):
        read(tmp_path, rows(GOOD, several, BAD["price"]))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n\n",
        (HEADER + "\n").encode(),
        b"\x00\x01\x02\x03" * 100,
        b"<html><body>Login</body></html>",
        b'{"a": 1}',
        b"PK\x03\x04 not a workbook",
        (HEADER + "\n" + '900001,A,"never closed,1,2010-12-01 08:26,2.50,1,UK\n' * 3).encode(),
    ],
)
def test_what_holds_no_transactions_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)
    assert "shop.csv" in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_encodings_are_recognised(tmp_path: Path, encoding: str) -> None:
    content = rows("1,A,TASSE GRÜN,1,2024-03-01 10:00,2.50,Zoë,Österreich")
    assert read(tmp_path, content.encode(encoding)).customers == ["Zoë"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_are_recognised(tmp_path: Path, end: str) -> None:
    assert read(tmp_path, rows(GOOD, ALSO).replace("\n", end).encode()).amounts == ["15.00", "19.95"]


@pytest.mark.parametrize("text", ['SIGN 12" WIDE', '"12"" RULER"', "O'NEILL", "a\\b", '"two\nlines"'])
def test_quotes_in_a_text_are_read(tmp_path: Path, text: str) -> None:
    line = f"900009,A13,{text},2,2010-12-04 09:41,2.10,50004,UK"
    assert read(tmp_path, rows(GOOD, line, ALSO)).amounts == ["15.00", "4.20", "19.95"]
