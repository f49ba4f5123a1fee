"""Columns that a file adds to a list of customers: any CSV is read, and what can't be right is refused in one line."""

import pytest

from data.datasets.cells import DataError
from data.datasets.pass_through import read

ROWS = {"12347": ("Ann", "ann@x.org"), "12348": ("Bob", "")}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"customer_id,name,e-mail\n12347,Ann,ann@x.org\n12348,Bob,\n", id="commas"),
        pytest.param(b"Customer ID;name;e-mail\r\n12347;Ann;ann@x.org\r\n12348;Bob;\r\n", id="semicolons"),
        pytest.param(b"name\te-mail\tcustomer\nAnn\tann@x.org\t12347.0\nBob\t\t12348.0\n", id="tabs, ids as numbers"),
        pytest.param("id,name,e-mail\n12347,Ann,ann@x.org\n12348,Bob,\n".encode("utf-16"), id="UTF-16"),
        pytest.param(
            b'\xef\xbb\xbfid,name,e-mail\n\n"12347"," Ann ",ann@x.org\n12348,Bob,\n', id="BOM, quotes, blanks"
        ),
    ],
)
def test_any_layout_of_a_csv_is_read(content: bytes) -> None:
    found = read(content, "crm.csv")
    assert (found.columns, found.rows) == (("name", "e-mail"), ROWS)


def test_a_file_that_is_not_utf8_is_read_as_windows_1252_and_says_so() -> None:
    found = read("id,name\n1,Zoë\n".encode("cp1252"), "crm.csv")
    assert found.rows == {"1": ("Zoë",)}
    assert found.notes == ("crm.csv is not UTF-8; it is read as Windows-1252.",)


def test_the_column_of_the_ids_can_be_named() -> None:
    found = read(b"phone,name\n+441,Ann\n", "crm.csv", "Phone")
    assert found.rows == {"+441": ("Ann",)}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"customer_id,name\n", "there is no row below the names"),
        (b"phone,name\n+441,Ann\n", "no column is called customer_id; .* the columns are phone, name"),
        (b"id,name\n7,Ann\n8,Bob\n7,Ann\n", "lines 2 and 4 are both of customer '7'"),
        (b"id,name\n7.0,Ann\n7,Ann\n", "lines 2 and 3 are both of customer '7'"),
        (b"id,name\n1.23457E+11,Ann\n", "line 2 has the id '1.23457E.11', a number that a spreadsheet has shortened"),
        (b"id,name\n1.785E+04,Ann\n", "a spreadsheet has shortened"),
        (b"id,name\n7,Ann\n,Bob\n", "line 3 has no customer id: the cell is empty"),
        (b"id,name\n7,Ann\nNaN,Bob\n", "line 3 has no customer id but 'NaN'"),
        (b"id,name\n" + b"7" * 65 + b",Ann\n", "line 2 has no customer id: .* is longer than 64 characters"),
        (b'id,name\n7,"Ann\n', "line 2 can't be read: a quotation mark"),
        (b"PK\x03\x04" + bytes(range(32)) * 40, "it holds no text"),
        (b'{"id": 7}', "it is JSON"),
    ],
)
def test_what_cannot_be_right_is_refused_in_one_line(content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        read(content, "crm.csv")
    assert str(caught.value).startswith("crm.csv")
    assert "\n" not in str(caught.value)


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(DataError, match="there is no column 'mail'; the columns are id, name"):
        read(b"id,name\n7,Ann\n", "crm.csv", "mail")
