"""Rows that can't be used: the first one stops the reading, or all of them are set aside with their reasons.

A row is never left out alone: its invoice would have a wrong total without a word. So the other rows of the invoice are
set aside, too.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from data.datasets.cells import DataError
from data.datasets.query import count, rows_of
from data.datasets.raw import lines_of
from data.datasets.sources import TableSource
from data.datasets.tables import BadLine, RawOptions
from runtime.errors import Hint
from runtime.output_files import replacing

_SHOWN_TEXT = 120
_CHUNK = 50_000
_SEPARATORS = ",;\t|"


class Place(NamedTuple):
    """A source of a dataset: what its columns are called, where its transaction's id is, and how it was read."""

    source: TableSource | None
    name: str
    columns: Mapping[str, str]
    transaction: int | None = None
    options: RawOptions = RawOptions()


class Reject(NamedTuple):
    """A line that is set aside. ``line`` is what an editor counts."""

    place: str
    line: int
    column: str
    reason: str
    text: str


def stop(db: duckdb.DuckDBPyConnection, places: Sequence[Place], bad_lines: Sequence[tuple[int, BadLine]]) -> None:
    """Raise :class:`DataError` about the first line that can't be used, if there is one."""
    total = count(db, "SELECT count(*) FROM faults") + len(bad_lines)
    if not total:
        return
    first = rows_of(db, "SELECT * FROM faults ORDER BY source, row LIMIT 1")
    candidates = [(number, line.line, _of_bad_line(line)) for number, line in bad_lines[:1]]
    for source, row, fault, reason in first:
        reject = next(_located(places[source], [(row, fault, reason)]))
        candidates.append((source, reject.line, reject))
    reject = min(candidates)[2]
    others = f", and {total - 1:,} more" if total > 1 else ""
    column = f", column {reject.column}" if reject.column else ""
    text = f" in: {_shortened(reject.text)}" if reject.text else ""
    raise DataError(
        f"{reject.place}: line {reject.line}{column}: {reject.reason}{text}{others}",
        Hint.SET_LINES_ASIDE,
    )


def set_aside(db: duckdb.DuckDBPyConnection, places: Sequence[Place], bad_lines: Sequence[tuple[int, BadLine]]) -> None:
    """Leave out the invoices of ``rows`` that have a row in ``faults``, and add their other rows to ``faults``.

    The invoice of a line that can't be split is the one that its first cells name, if that can be seen.
    """
    db.execute("CREATE OR REPLACE TABLE bad_invoices (export INTEGER, transaction_id VARCHAR)")
    db.execute(
        """
        INSERT INTO bad_invoices SELECT DISTINCT export, transaction_id FROM rows JOIN faults USING (source, row)
        WHERE transaction_id IS NOT NULL
        """
    )
    named = [(source, _transaction(places[source], line.text)) for source, line in bad_lines]
    for source, transaction in {(source, transaction) for source, transaction in named if transaction}:
        db.execute(
            "INSERT INTO bad_invoices SELECT DISTINCT export, transaction_id FROM rows "
            "WHERE source = $source AND transaction_id = $transaction",
            {"source": source, "transaction": transaction},
        )
    db.execute(
        """
        INSERT INTO faults
        SELECT DISTINCT source, row, '', 'another row of invoice ' || transaction_id || ' is rejected'
        FROM rows JOIN (SELECT DISTINCT * FROM bad_invoices) USING (export, transaction_id)
        WHERE (source, row) NOT IN (SELECT (source, row) FROM faults)
        """
    )
    db.execute(
        """
        UPDATE rows SET left_out = 'rejected' FROM (SELECT DISTINCT source, row FROM faults) AS bad
        WHERE rows.source = bad.source AND rows.row = bad.row
        """
    )
    db.execute("DROP TABLE bad_invoices")


def write(
    db: duckdb.DuckDBPyConnection, places: Sequence[Place], bad_lines: Sequence[tuple[int, BadLine]], path: Path
) -> None:
    """Write the rejected lines as a CSV: ``file, line, column, reason, text``.

    Raises
    ------
    OutputError
        If the file can't be written.
    """
    with replacing(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "line", "column", "reason", "text"))
        for number, place in enumerate(places):
            rejected = [_of_bad_line(line) for source, line in bad_lines if source == number]
            rejected.extend(_rejected(db, number, place))
            rejected.sort(key=lambda reject: reject.line)
            writer.writerows(rejected)


def _rejected(db: duckdb.DuckDBPyConnection, number: int, place: Place) -> Iterator[Reject]:
    found = rows_of(
        db,
        "SELECT row, arg_min(fault, fault = ''), string_agg(reason, '; ' ORDER BY reason) FROM faults "
        "WHERE source = $source GROUP BY row ORDER BY row",
        {"source": number},
    )
    for begin in range(0, len(found), _CHUNK):
        yield from _located(place, found[begin : begin + _CHUNK])


def _located(place: Place, faults: Sequence[tuple[Any, ...]]) -> Iterator[Reject]:
    rows = [row for row, _, _ in faults]
    lines = {} if place.source is None else lines_of(place.source, rows, place.options)
    for row, fault, reason in faults:
        line, text = lines.get(row, (row, ""))
        yield Reject(place.name, line, place.columns.get(fault, ""), reason, text)


def _of_bad_line(line: BadLine) -> Reject:
    return Reject(line.place, line.line, line.column or "", line.reason, line.text)


def _transaction(place: Place, text: str) -> str:
    """The transaction's id in a line that can't be split; empty if it can't be seen."""
    if place.transaction is None:
        return ""
    inner = text.strip().strip('"')
    separator = place.options.separator or max(_SEPARATORS, key=inner.count)
    try:
        cells = next(csv.reader(io.StringIO(inner), delimiter=separator), [])
    except csv.Error:
        return ""
    return cells[place.transaction].strip() if place.transaction < len(cells) else ""


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_TEXT else f"{line[: _SHOWN_TEXT - 3]}..."
