"""Pages of the customers behind a number, against a real Postgres; pandas on the same rows is the oracle."""

from datetime import timedelta

import pandas as pd
import pytest
from sqlalchemy import Engine

from dashboard.pages.shifts import queries
from dashboard.pages.shifts.queries import Cell
from dashboard.shared import flows, reading
from dashboard.shared.history import Memory
from tests.support.generated_tables import EVENT_TIME, Stored

MONTH_AGO = flows.midnight(EVENT_TIME - timedelta(days=30))
CELLS = [
    Cell(),
    Cell(since=MONTH_AGO),
    Cell(since=MONTH_AGO - timedelta(days=200), until=MONTH_AGO),
    Cell(causes=("return",)),
    Cell(causes=("decay", "purchase"), left=("champions",)),
    Cell(left=("",)),
    Cell(left=("", "champions"), entered=("lost",)),
    Cell(entered=("champions",), causes=("purchase",)),
    Cell(touched=("champions",)),
    Cell(touched=("lost", "")),
    Cell(left=("nowhere",)),
]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("limit", [1, 7, 50])
def test_the_pages_one_after_the_other_are_all_the_changes_of_a_cell(
    filled: Engine, stream: Stored, cell: Cell, limit: int
) -> None:
    expected = _oracle(stream.changes, cell)
    with reading.reading(filled) as connection:
        days = queries.within(Memory().read(connection, reading.progress(connection)), cell)
        offsets = range(0, min(len(expected), 5 * limit) + limit, limit)
        pages = [queries.page(connection, cell, flows.place(days, limit, offset), limit) for offset in offsets]
    assert days["changes"].sum() == len(expected)
    found = pd.concat(pages)
    seen = expected.head(5 * limit + limit)
    assert found["customer_id"].tolist() == seen["customer_id"].tolist()
    assert found["sequence"].tolist() == seen["sequence"].tolist()
    assert found["from_segment"].tolist() == seen["from_segment"].tolist()
    assert all(len(page) == limit for page in pages[:-2])


@pytest.mark.parametrize("cell", CELLS)
def test_a_file_has_everyone_of_a_cell_up_to_its_limit(filled: Engine, stream: Stored, cell: Cell) -> None:
    expected = _oracle(stream.changes, cell)
    with reading.reading(filled) as connection:
        everyone = queries.everyone(connection, cell, 10_000)
        some = queries.everyone(connection, cell, 5)
    assert everyone["customer_id"].tolist() == expected["customer_id"].tolist()
    assert everyone["monetary"].astype(float).tolist() == expected["monetary"].tolist()
    assert some["customer_id"].tolist() == expected["customer_id"].head(5).tolist()


def test_a_page_looks_at_no_day_without_a_change_of_its_cell(filled: Engine) -> None:
    cell = Cell(causes=("return",), left=("champions",))
    with reading.reading(filled) as connection:
        days = queries.within(Memory().read(connection, reading.progress(connection)), cell)
    place = flows.place(days, 5)
    assert 0 < len(place.days) <= 5
    assert {*place.days} <= {*days["day"]}


def _oracle(changes: pd.DataFrame, cell: Cell) -> pd.DataFrame:
    """The meant changes, the newest first."""
    c = changes.assign(from_segment=changes["from_segment"].fillna(""))
    keep = pd.Series(True, index=c.index)
    if cell.since is not None:
        keep &= c["effective_at"] >= cell.since
    if cell.until is not None:
        keep &= c["effective_at"] < cell.until
    if cell.causes:
        keep &= c["cause"].isin(cell.causes)
    if cell.left:
        keep &= c["from_segment"].isin(cell.left)
    if cell.entered:
        keep &= c["to_segment"].isin(cell.entered)
    if cell.touched:
        keep &= c["from_segment"].isin(cell.touched) | c["to_segment"].isin(cell.touched)
    return c[keep].sort_values(["effective_at", "customer_id", "sequence"], ascending=[False, True, False])
