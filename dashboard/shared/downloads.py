"""Tables as files for spreadsheets, which take a cell that begins like a formula for one."""

from collections.abc import Callable

import pandas as pd
from sqlalchemy import Connection, Engine

from dashboard.shared.reading import reading

# A file is for a spreadsheet, which shows about a million rows; a page's session should not hold more at once.
MOST_ROWS = 200_000
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def of(frame: pd.DataFrame) -> bytes:
    """The frame as UTF-8 CSV with a header; a text that a spreadsheet would run begins with an apostrophe."""
    return frame.apply(_harmless).to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ").encode()


def left_out(rows: int) -> str:
    """What stands beside the button where a file can't have all ``rows``; empty where it has."""
    return f"The file has the first {MOST_ROWS:,} of {rows:,}." if rows > MOST_ROWS else ""


def later(engine: Engine, ask: Callable[[Connection], pd.DataFrame]) -> Callable[[], bytes]:
    """What a download button takes: the answer is fetched when somebody presses it, not before.

    ``ask`` must limit itself to :data:`MOST_ROWS`.
    """

    def fetch() -> bytes:
        with reading(engine, timeout_ms=30_000) as connection:
            return of(ask(connection))

    return fetch


def _harmless(column: "pd.Series[str]") -> "pd.Series[str]":
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    return column.map(lambda cell: f"'{cell}" if isinstance(cell, str) and cell.startswith(DANGEROUS) else cell)
