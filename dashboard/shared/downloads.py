"""Tables as CSV files that are safe to open in a spreadsheet, which would run a cell that begins like a formula."""

from collections.abc import Callable

import pandas as pd
from sqlalchemy import Connection, Engine

from dashboard.shared.reading import reading
from runtime.readable import visible

# Few enough for a spreadsheet (about a million rows), and for the memory of a session.
MOST_ROWS = 200_000
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def as_csv(frame: pd.DataFrame) -> bytes:
    """The frame as UTF-8 CSV with a header.

    A text that a spreadsheet would run gets an apostrophe before it; hidden characters become visible escapes.
    """
    return frame.apply(_harmless).to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ").encode()


def limit_note(rows: int) -> str:
    """A note for a file that cannot hold all ``rows``; empty if it can."""
    return f"The file has the first {MOST_ROWS:,} of {rows:,}." if rows > MOST_ROWS else ""


def on_request(engine: Engine, ask: Callable[[Connection], pd.DataFrame]) -> Callable[[], bytes]:
    """The content of a download button, read from Postgres only when the button is pressed.

    ``ask`` must return at most :data:`MOST_ROWS` rows.
    """

    def fetch() -> bytes:
        with reading(engine, timeout_ms=30_000) as connection:
            return as_csv(ask(connection))

    return fetch


def _harmless(column: "pd.Series[str]") -> "pd.Series[str]":
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    return column.map(lambda cell: _harmless_text(cell) if isinstance(cell, str) else cell)


def _harmless_text(cell: str) -> str:
    shown = visible(cell)
    return f"'{shown}" if cell.startswith(DANGEROUS) else shown
