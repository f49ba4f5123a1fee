"""Files for spreadsheets."""

import csv
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.shared import downloads
from runtime.readable import visible


@pytest.mark.slow
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), min_size=1), min_size=1))
def test_no_cell_begins_like_a_formula_and_nothing_else_is_lost(texts: list[str]) -> None:
    _, *rows = csv.reader(StringIO(downloads.as_csv(pd.DataFrame({"text": texts})).decode(), newline=""))
    for text, (cell,) in zip(texts, rows, strict=True):
        assert visible(text) in (cell, cell.removeprefix("'"))
        assert not cell.startswith(("=", "+", "-", "@", "\t"))


@pytest.mark.parametrize("cell", ["=1+1", "+44", "-2", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_formula_is_quoted(cell: str) -> None:
    assert downloads.as_csv(pd.DataFrame({"x": [cell]})).decode().splitlines()[1].lstrip('"').startswith("'")


def test_a_column_of_every_kind_reads_back() -> None:
    moment = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
    frame = pd.DataFrame(
        {"id": ["12345"], "at": [moment], "worth": [Decimal("-12.3450")], "n": [-3], "segment": [None]}
    )
    assert downloads.as_csv(frame).decode() == "id,at,worth,n,segment\n12345,2011-12-09T12:50:00Z,-12.3450,-3,\n"


def test_an_empty_table_has_its_header() -> None:
    assert downloads.as_csv(pd.DataFrame([], columns=["a", "b"])) == b"a,b\n"
