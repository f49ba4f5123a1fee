"""Cells are the same whether they are in memory, as those of a small file are, or in the database."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from data.datasets import tables
from data.datasets.engine import Engine
from data.datasets.raw_cells import Cells, Table
from data.datasets.sources import TableSource
from data.datasets.tables import RawTable

BLANKS = [character for character in map(chr, range(sys.maxunicode + 1)) if character.isspace()]
CELLS = ["", *BLANKS, " \u00a0 ", " \t ", "\u200b", "ann", " ann ", "Ann", "ann", "\u3000ann", "0"]
COLUMNS = ["transaction", "time", "time_of_day", "time_zone", "customer"]
ROWS = [[CELLS[(row + 7 * place) % len(CELLS)] for place in range(len(COLUMNS))] for row in range(len(CELLS))]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("engine"), threads=1) as engine:
        yield engine


def stored(engine: Engine, number: int, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A raw table of these columns; each is called as its canonical column, in capital letters."""
    name, headers, kept = f"raw_{number}", [column.upper() for column in columns], range(len(columns))
    count = tables.fill(engine.db, name, "shop.csv", kept, rows)
    tables.publish(engine.db, name, "shop.csv", headers, kept)
    source = TableSource(Path("shop.csv"), "shop.csv", "csv")
    return Table(number, source, RawTable("shop.csv", name, headers, count), dict(zip(columns, headers, strict=True)))


@pytest.mark.parametrize(
    "files",
    [
        [(COLUMNS, ROWS)],
        [(["time", "customer"], [["monday", " "], ["", "bob"]]), (COLUMNS, ROWS), (["customer"], [["ann"], ["eve"]])],
        [(["transaction", "time_of_day"], [["1", "10:00"], ["1", ""], ["", "11:00"]]), (["customer"], [])],
    ],
    ids=["every blank", "several files with other columns", "an empty file"],
)
def test_the_cells_of_a_small_file_are_those_that_the_database_finds(
    engine: Engine, files: list[tuple[list[str], list[list[str]]]]
) -> None:
    found = [stored(engine, number, columns, rows) for number, (columns, rows) in enumerate(files)]
    in_memory, in_database = Cells(engine.db, found), Cells(engine.db, found, few=-1)
    for column in (*COLUMNS, "export"):
        cells = list(in_memory.distinct(column))
        assert sorted(cells) == sorted(in_database.distinct(column))
        assert len(cells) == len(set(cells))
        for most in (1, 3, 1_000):
            assert in_memory.samples(column, most) == in_database.samples(column, most)
        in_memory.forget(column)
        in_database.forget(column)
