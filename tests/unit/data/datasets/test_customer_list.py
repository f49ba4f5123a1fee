"""A list of customers: one id a line, or a CSV file with a column of them."""

import io
from pathlib import Path

import pytest

from data.datasets.cells import DataError
from data.datasets.customer_list import parse_list, read_list, read_stream


@pytest.mark.parametrize(
    "text",
    [
        "12346\n12347\n",
        "\n 12346 \r\n\r\n12347",
        "customer_id\n12346\n12347\n",
        "name,customer_id\nA,12346\n\nB,12347\n",
        'customer_id;name\n12346;"A; B"\n12347;\n',
        "name\tcustomer_id\nA\t 12346\nB\t12347\n",
    ],
)
def test_both_kinds_are_read_in_order(text: str) -> None:
    assert parse_list(text, "list") == ["12346", "12347"]


def test_an_empty_list_is_empty() -> None:
    assert parse_list(" \n", "list") == []
    assert parse_list("customer_id\n", "list") == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("id,name\n1,A\n", "has 2 columns, and none is called customer_id"),
        ("customer_id,name\n1,A\n,B\n", "row 3 has no customer_id"),
        ('customer_id,name\n1,"A"x\n', "can't be read as CSV"),
    ],
)
def test_what_is_neither_kind_is_refused_in_a_line(text: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as error:
        parse_list(text, "list")
    assert "\n" not in str(error.value)


def test_a_file_of_excel_begins_with_a_mark_and_another_encoding_is_named(tmp_path: Path) -> None:
    marked = tmp_path / "marked.csv"
    marked.write_bytes(b"\xef\xbb\xbfcustomer_id\r\n12346\r\n")
    assert read_list(marked) == ["12346"]
    wide = tmp_path / "wide.csv"
    wide.write_bytes("customer_id\n12346\n".encode("utf-16"))
    with pytest.raises(DataError, match="not text in UTF-8"):
        read_list(wide)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(DataError, match="can't read"):
            read_list(path)


@pytest.mark.parametrize("ids", ["customer_id\n12346\n", "12346\n", "name,customer_id\nAnn,12346\n"])
def test_standard_input_may_begin_with_the_mark_that_excel_writes(ids: str) -> None:
    assert read_stream(io.BytesIO(ids.encode("utf-8-sig")), "standard input") == ["12346"]


def test_standard_input_that_is_no_text_is_refused() -> None:
    with pytest.raises(DataError, match="standard input is not text in UTF-8"):
        read_stream(io.BytesIO(b"\xff\xfe1\x00"), "standard input")
