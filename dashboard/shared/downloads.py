"""Tables as CSV files that are safe to open in a spreadsheet, which would run a cell that begins like a formula.

Every file is recorded in the audit before anybody gets it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

import pandas as pd
import streamlit as st
from sqlalchemy import Connection, Engine

from dashboard.shared import access
from dashboard.shared.access import AccessEndedError
from dashboard.shared.reading import FIRST_READING_MS, reading
from data.postgres import audit
from data.postgres.audit import Act, Detail
from models.segment_model import SegmentModel
from runtime.spreadsheets import harmless

# Few enough for a spreadsheet (about a million rows), and for the memory of a session.
MOST_ROWS = 200_000
#: Columns of lists that hold ids of segments.
SEGMENT_COLUMNS = ("segment", "previous_segment", "from_segment", "to_segment", "next_segment", "segment_now")


class File(NamedTuple):
    """What the audit says of a file: its name, and which rows were asked for. Neither has a customer's id."""

    name: str
    filters: Detail


class FileContent(NamedTuple):
    """A file in UTF-8, and its number of rows without the header."""

    csv: bytes
    rows: int


def as_csv(frame: pd.DataFrame) -> bytes:
    """The frame as UTF-8 CSV with a header.

    The amounts of a column have as many decimals as one of them needs. A text that a spreadsheet would run gets an
    apostrophe before it; hidden characters become visible escapes.
    """
    return frame.apply(_written).to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ").encode()


def with_names(frame: pd.DataFrame, model: SegmentModel) -> pd.DataFrame:
    """The frame with the segments' names beside their ids: ``persona`` beside ``segment``, and so on."""
    names = {segment.id: segment.name for segment in model.segments}
    for column in SEGMENT_COLUMNS:
        if column in frame:
            written = frame[column].map(lambda segment: names.get(segment, segment))
            frame.insert([*frame].index(column) + 1, column.replace("segment", "persona"), written)
    return frame


def limit_note(rows: int) -> str:
    """A note for a file that cannot hold all ``rows``; empty if it can."""
    return f"The file has the first {MOST_ROWS:,} of {rows:,}." if rows > MOST_ROWS else ""


def button(
    engine: Engine, file: File, ask: Callable[[Connection], pd.DataFrame], key: str, label: str = "Download CSV"
) -> None:
    """A button that downloads a list; ``ask`` as in :func:`on_request`."""
    st.download_button(label, on_request(engine, file, ask), file.name, "text/csv", on_click="ignore", key=key)


def on_request(engine: Engine, file: File, ask: Callable[[Connection], pd.DataFrame]) -> Callable[[], bytes]:
    """The content of a download button, read from Postgres only when the button is pressed.

    ``ask`` must return at most :data:`MOST_ROWS` rows.
    """

    def read() -> pd.DataFrame:
        with reading(engine, timeout_ms=FIRST_READING_MS) as connection:
            return ask(connection)

    return of_content(engine, file, lambda: _content(read()))


def of_frame(engine: Engine, file: File, frame: pd.DataFrame) -> Callable[[], bytes]:
    """The content of a download button whose rows are known."""
    return of_content(engine, file, lambda: _content(frame))


def of_content(engine: Engine, file: File, make: Callable[[], FileContent]) -> Callable[[], bytes]:
    """The content of a file, once it is recorded who gets it; what can't be recorded is not handed out."""
    # Streamlit asks for the content outside of the session, so the viewer is that of the page.
    viewer = access.current()

    def fetch() -> bytes:
        if viewer.has_ended(datetime.now(UTC)):
            raise AccessEndedError
        content = make()
        detail = file.filters | {"rows": content.rows, "masked": viewer.is_masked}
        audit.add(engine, viewer.actor, Act("download", file.name), detail, "done")
        return content.csv

    return fetch


def _content(frame: pd.DataFrame) -> FileContent:
    return FileContent(as_csv(frame), len(frame))


def _written(column: "pd.Series[str]") -> "pd.Series[str]":
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    cells: list[object] = [*column]
    decimals = [_decimals(cell) for cell in cells if isinstance(cell, Decimal)]
    if decimals:
        return column.map(lambda cell: f"{cell:.{max(decimals)}f}" if isinstance(cell, Decimal) else cell)
    return column.map(lambda cell: harmless(cell) if isinstance(cell, str) else cell)


def _decimals(amount: Decimal) -> int:
    exponent = amount.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0
