"""A list of customers: one id a line, or a CSV file with the column ``customer_id``."""

import csv
from pathlib import Path
from typing import BinaryIO

from data.datasets.cells import DataError

COLUMN = "customer_id"
_SEPARATORS = ",;\t"


def read_list(path: Path) -> list[str]:
    """The ids in a file, in its order.

    Raises
    ------
    DataError
        If the file can't be read, is not UTF-8, or is neither of the two kinds.
    """
    try:
        with path.open("rb") as file:
            return read_stream(file, str(path))
    except OSError as error:
        raise DataError(f"can't read {path} ({error.strerror})") from None


def read_stream(stream: BinaryIO, name: str) -> list[str]:
    """The ids in bytes, in their order; ``name`` says what they are. Errors as of :func:`read_list`."""
    try:
        return parse_list(stream.read().decode("utf-8-sig"), name)
    except UnicodeDecodeError:
        raise DataError(f"{name} is not text in UTF-8: save it as CSV in UTF-8") from None


def parse_list(text: str, name: str) -> list[str]:
    """The ids in a text, in their order.

    Raises
    ------
    DataError
        If there are several columns and none is called ``customer_id``, or a row has no id.
    """
    rows = text.splitlines()
    first = next((row for row in rows if row.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    head = [cell.strip() for cell in next(csv.reader([first], delimiter=separator), [])]
    if COLUMN not in head:
        if len(head) > 1:
            raise DataError(f"{name}: the first line has {len(head)} columns, and none is called {COLUMN}")
        return [row.strip() for row in rows if row.strip()]
    place = head.index(COLUMN)
    found = []
    try:
        table = csv.reader(rows[rows.index(first) + 1 :], delimiter=separator, strict=True)
        for number, row in enumerate(table, start=rows.index(first) + 2):
            if not any(cell.strip() for cell in row):
                continue
            if len(row) <= place or not row[place].strip():
                raise DataError(f"{name}: row {number} has no {COLUMN}")
            found.append(row[place].strip())
    except csv.Error as error:
        raise DataError(f"{name} can't be read as CSV ({error})") from None
    return found
