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
from tests.support.generated_tables import a_model


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
    assert downloads.as_csv(frame).decode() == "id,at,worth,n,segment\n12345,2011-12-09T12:50:00Z,-12.345,-3,\n"


def test_amounts_of_a_column_have_the_decimals_that_they_need() -> None:
    frame = pd.DataFrame({"spend": [Decimal("570380.6100"), Decimal("3.0000"), None], "yen": [Decimal("7E+2")] * 3})
    assert downloads.as_csv(frame).decode() == "spend,yen\n570380.61,700\n3.00,700\n,700\n"


def test_names_of_segments_are_beside_their_ids() -> None:
    moves = pd.DataFrame({"from_segment": ["", "gone"], "to_segment": ["lost", "champions"], "n": [1, 2]})
    named = downloads.with_names(moves, a_model())
    assert [*named] == ["from_segment", "from_persona", "to_segment", "to_persona", "n"]
    assert named["from_persona"].tolist() == ["", "gone"]
    assert named["to_persona"].tolist() == ["Lost", "Champions"]


def test_an_empty_table_has_its_header() -> None:
    assert downloads.as_csv(pd.DataFrame([], columns=["a", "b"])) == b"a,b\n"
