"""Segments for a CSV file of profiles; errors name the line and the column. Pure."""

import re
from collections.abc import Iterable
from io import StringIO

import numpy as np
import pandas as pd

from dashboard.simulator.simulation import score
from models.decay import HORIZON_DAYS, NEVER
from models.segment_model import NO_SEGMENT, SegmentModel
from models.window_text import in_last_days
from runtime.counts import many

COLUMNS = ("customer_id", "recency_days", "frequency", "monetary")
#: Other names of these columns: that of the file of the page Segments.
ALSO = {"recency": "recency_days"}
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
MOST_MEGABYTES, MOST_PROFILES = 20, 100_000
LONGEST_ID = 64
MOST_PURCHASES, MOST_MONEY = 1_000_000, 1_000_000_000
TEMPLATE = "customer_id,recency_days,frequency,monetary\n12345,3,12,2480.50\n12346,120,2,95.00\n"
SHOWN = 40
WHOLE, DECIMAL = r"[+-]?[0-9]{1,15}(\.0*)?", r"[+-]?[0-9]{1,15}(\.[0-9]{0,15})?"


class UploadError(ValueError):
    """A file that cannot be segmented; the message says where and what to correct."""


def read(content: bytes, model: SegmentModel, currency: str) -> pd.DataFrame:
    """The profiles in a CSV file: customer_id (text), recency_days, frequency (whole numbers), monetary.

    The four columns may come in any order. Others follow them as text. Lines are numbered as in an editor: the header
    is line 1.

    Raises
    ------
    UploadError
        If the file is too big, is not such a CSV, has a value outside its range, or amounts in another currency.
    """
    if len(content) > MOST_MEGABYTES * 1_000_000:
        raise UploadError(f"The file has more than {MOST_MEGABYTES} MB: split it.")
    cells = _cells(_text(content))
    _check_text(cells["customer_id"])
    lowest_money = -MOST_MONEY if model.monetary == "net" else 0
    if "currency" in cells:
        _check_currency(cells["currency"], currency)
    others = {name: cells[name] for name in cells if name not in COLUMNS}
    recency = _numbers(cells["recency_days"], 0, HORIZON_DAYS, whole=True).astype("int64")
    least = 1 if model.window_days is None else 0
    frequency = _numbers(cells["frequency"], least, MOST_PURCHASES, whole=True).astype("int64")
    if model.window_days is not None:
        _check_window(recency, frequency, model.window_days)
    return pd.DataFrame(
        {
            "customer_id": cells["customer_id"].str.strip(),
            "recency_days": recency,
            "frequency": frequency,
            "monetary": _numbers(cells["monetary"], lowest_money, MOST_MONEY, whole=False),
            **others,
        }
    )


def segmented(model: SegmentModel, profiles: pd.DataFrame) -> pd.DataFrame:
    """The profiles with segment, persona, distance to its centroid, next_change_in_days and next_segment.

    The last two are empty for customers whom time alone never moves. They replace columns of the same names. Under a
    model with a window they are the first change at the latest, as if all orders left it with the last one.
    """
    columns = (profiles[name].to_numpy() for name in COLUMNS[1:])
    scored = score(model, *columns)
    ids = np.array([*(segment.id for segment in model.segments), ""], dtype=object)
    names = np.array([segment.name for segment in model.segments], dtype=object)
    days = pd.array(np.where(scored.change_in_days == NEVER, 0, scored.change_in_days), dtype="Int64")
    return profiles.assign(
        segment=ids[scored.segment],
        persona=names[scored.segment],
        distance=scored.distances[np.arange(len(profiles)), scored.segment].round(4),
        next_change_in_days=pd.Series(days, index=profiles.index).mask(scored.next_segment == NO_SEGMENT),
        next_segment=ids[scored.next_segment],
    )


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UploadError(f"Line {line} is not UTF-8 text: save the file as “CSV UTF-8”.") from error
    if "\0" in text:
        raise UploadError(f"Line {text[: text.index(chr(0))].count(chr(10)) + 1} is not text: is this a CSV file?")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _cells(text: str) -> pd.DataFrame:
    """All cells as text, by column; the index is the line in the file."""
    separator = _separator(text.partition("\n")[0])
    try:
        # Without a header: pandas would take the extra cells of a long line for an index.
        cells = pd.read_csv(
            StringIO(text),
            sep=separator,
            header=None,
            dtype=str,
            keep_default_na=False,
            na_filter=False,
            skip_blank_lines=False,
            nrows=MOST_PROFILES + 2,
        )
    except pd.errors.ParserError as error:
        raise UploadError(_parser_words(str(error))) from error
    names = _names(cells.iloc[0])
    cells = cells.iloc[1:].set_axis(names, axis=1).set_axis(range(2, len(cells) + 1), axis=0)
    _check_line_breaks(cells)
    cells = cells[(cells != "").any(axis=1)]
    if cells.empty:
        raise UploadError("There is no profile below the header.")
    if len(cells) > MOST_PROFILES:
        raise UploadError(f"The file has more than {MOST_PROFILES:,} profiles: split it.")
    return cells


def _separator(line: str) -> str:
    """The separator with which a header names the four columns."""
    for separator in SEPARATORS:
        if {*COLUMNS} <= {*_names(name.strip().strip('"') for name in line.split(separator))}:
            return separator
    found = _shown(line) if line.strip() else "nothing"
    wanted = f"{', '.join(COLUMNS)}, separated by {' or '.join(SEPARATORS.values())}"
    raise UploadError(f"Line 1 must name the columns {wanted}; it has {found}.")


def _names(header: Iterable[str]) -> list[str]:
    names = [ALSO.get(name.strip(), name.strip()) for name in header]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UploadError(f"Line 1 names the column {_shown(twice)} twice.")
    return names


def _check_line_breaks(cells: pd.DataFrame) -> None:
    # A cell of several lines would make all later line numbers wrong.
    for name in cells.columns:
        broken = cells[name].str.contains("\n", regex=False)
        if broken.any():
            raise UploadError(f"Line {broken.idxmax()}, column {name}: a cell must not go on in the next line.")


def _check_text(ids: "pd.Series[str]") -> None:
    for wrong, reason in (
        (ids.str.strip() == "", "is empty"),
        (ids.str.len() > LONGEST_ID, f"has more than {LONGEST_ID} characters"),
    ):
        if wrong.any():
            raise UploadError(f"Line {wrong.idxmax()}, column customer_id {reason}.")


def _check_currency(cells: "pd.Series[str]", currency: str) -> None:
    other = ~cells.str.strip().isin(["", currency])
    if other.any():
        actual = _shown(cells[other].iloc[0])
        raise UploadError(f"Line {other.idxmax()}, column currency: must be {currency}; it is {actual}.")


def _check_window(recency: "pd.Series[int]", frequency: "pd.Series[int]", window_days: int) -> None:
    """Refuse a last purchase that is in the window and not counted, or the other way round."""
    wrong = (recency < window_days) != (frequency > 0)
    if wrong.any():
        raise UploadError(
            f"Line {wrong.idxmax()}, column frequency: must count the purchases{in_last_days(window_days)}; the last "
            f"one was {many(int(recency[wrong].iloc[0]), 'day')} ago, and it is {frequency[wrong].iloc[0]:,}."
        )


def _numbers(cells: "pd.Series[str]", lowest: int, highest: int, whole: bool) -> "pd.Series[float]":
    pattern, kind, example = (WHOLE, "a whole number", "1234") if whole else (DECIMAL, "a number", "1234.50")
    cells = cells.str.strip()
    numbers = cells.where(cells.str.fullmatch(pattern), "nan").astype("float64")
    wrong = numbers.isna() | (numbers < lowest) | (numbers > highest)
    if wrong.any():
        line, cell = wrong.idxmax(), cells[wrong].iloc[0]
        actual = f"is {_shown(cell)}" if cell else "is empty"
        wanted = f"{kind} from {lowest:,} to {highest:,}, written like {example}"
        raise UploadError(f"Line {line}, column {cells.name}: must be {wanted}; it {actual}.")
    return numbers


def _parser_words(message: str) -> str:
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", message):
        return f"Line {found[2]} has {found[3]} cells instead of {found[1]}: put cells with the separator in quotes."
    if found := re.search(r"EOF inside string starting at row (\d+)", message):
        return f"Line {int(found[1]) + 1}: a quotation mark is never closed."
    return f"The file can't be read as CSV: {message}"


def _shown(text: str) -> str:
    return f"“{text if len(text) <= SHOWN else text[:SHOWN] + '…'}”"
