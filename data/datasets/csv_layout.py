"""Finds out how a CSV is laid out: its separator, where its header is, and the names of its columns."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from data.datasets.cells import DataError, shown
from data.datasets.csv_lines import CsvLine, LineShape, scan, split
from data.datasets.headers import MAX_SHOWN, headers_of, require_names

SEPARATORS = (",", ";", "\t", "|")
SAMPLE = 1_000

_EXCEL_HINT = re.compile(r'\ufeff?"?sep=(.)"?\s*')
_LAST_LINES = 200
_FEW = 0.5
# A row of empty cells above the header is passed over, as it is below.
_NOTHING = '\ufeff \t\r\n"' + "".join(SEPARATORS)


class Layout(NamedTuple):
    """How a CSV is laid out; the data begin after physical line ``header``."""

    shape: LineShape
    headers: list[str]
    header: int


def layout(sample: Sequence[str], name: str, separator: str | None = None) -> Layout:
    """The layout of a file that begins with the lines of ``sample``.

    Raises
    ------
    DataError
        If there is no header, or the first line can't be one.
    """
    lines = list(sample)
    number = 0
    while number < len(lines):
        hint = _EXCEL_HINT.fullmatch(lines[number])
        if hint is not None:
            separator = separator or hint[1]
        elif lines[number].strip(_NOTHING):
            break
        number += 1
    else:
        raise DataError(f"{name}: the file is empty")
    if separator is not None and (len(separator) != 1 or separator in '"\r\n'):
        raise DataError(f"{name}: {shown(separator)} can't separate columns; use one character, such as ';'")
    best = None
    for candidate in [separator] if separator else SEPARATORS:
        found = _try(lines, number, candidate)
        if found is not None and (best is None or found.score > best.score):
            best = found
    if best is None:
        raise DataError(f"{name}: line {number + 1} has a quotation mark that is not closed: {_cut(lines[number])}")
    _require_header(best, lines[number], number + 1, name)
    shape = LineShape(best.separator, len(best.cells), _named(best.cells))
    return Layout(shape, headers_of(best.cells), number + best.lines)


class _Try(NamedTuple):
    """A header as one separator splits it, and how the lines after it fit."""

    separator: str
    cells: list[str]
    lines: int
    fits: float
    usual: int
    usual_line: int
    filled: int

    @property
    def score(self) -> tuple[bool, float, int]:
        """A separator of the header that fits the lines, or else one that splits the lines, whatever the header is."""
        splits = len(self.cells) > 1 and self.fits > 0
        return splits, self.fits if splits else self.usual, len(self.cells)


class _Width(NamedTuple):
    """How many columns a line has, and how many of them hold anything."""

    number: int
    columns: int
    filled: int


def _try(lines: Sequence[str], at: int, separator: str) -> _Try | None:
    header = _header(lines, at, separator)
    if header is None:
        return None
    wanted = len(header[0])
    widths = _widths(lines[at + header[1] :][:_LAST_LINES], separator, header[0], at + header[1] + 1)
    fit = sum(line.columns == wanted for line in widths) / len(widths) if widths else 1.0
    usual = Counter(line.columns for line in widths).most_common(1)[0][0] if widths else wanted
    usual_line = next((line.number for line in widths if line.columns == usual), 0)
    filled = max((line.filled for line in widths), default=0)
    return _Try(separator, header[0], header[1], fit, usual, usual_line, filled)


def _header(lines: Sequence[str], at: int, separator: str) -> tuple[list[str], int] | None:
    """The cells of the header, and how many lines it has."""
    for count in range(1, 6):
        cells = split("".join(lines[at : at + count]), separator)
        if cells is not None:
            cells[0] = cells[0].lstrip("\ufeff")
            return cells, count
    return None


def _widths(lines: Sequence[str], separator: str, header: list[str], first: int) -> list[_Width]:
    """How many columns each line has that can be split."""
    widths = []
    for line in scan(lines, LineShape(separator, len(header), _named(header)), first):
        cells = line.cells or split(line.text, separator)
        if cells is not None:
            width = len(header) if line.cells else _named(cells)
            widths.append(_Width(line.number, width, sum(bool(cell.strip()) for cell in cells)))
    return widths


def _named(cells: Sequence[str]) -> int:
    """The number of columns up to the last one that is not blank."""
    return max((place for place, cell in enumerate(cells, 1) if cell.strip()), default=0)


def _require_header(best: _Try, text: str, line: int, name: str) -> None:
    named = [cell for cell in best.cells if cell.strip()]
    if not named:
        raise DataError(f"{name}: line {line} holds no names of columns: {_cut(text)}")
    if len(best.cells) == 1 and text.lstrip("\ufeff ").startswith('"') and any(s in named[0] for s in SEPARATORS):
        raise DataError(f"{name}: every line is in quotation marks as a whole; export the file again: {_cut(text)}")
    if 1 < len(named) < best.usual and best.fits < _FEW:
        raise DataError(
            f"{name}: line {line} is {_cut(text)} with {len(named)} columns, but line {best.usual_line} has "
            f"{best.usual}; delete lines above the header, or quote cells that hold {best.separator!r}"
        )
    if (best.fits < _FEW and best.usual > 1 == len(named)) or len(named) == 1 < best.filled:
        raise DataError(
            f"{name}: line {line} is {_cut(text)} with {len(named)} of the {best.usual} columns of line "
            f"{best.usual_line}; the first line must hold the names of the columns, so delete what is above them"
        )
    require_names(name, line, best.cells)


def _cut(text: str) -> str:
    return repr(text.strip()[:MAX_SHOWN])


def as_bad(line: CsvLine) -> str:
    """The raw text of a bad line for a message, without its end."""
    return line.text.rstrip("\r\n")[:MAX_SHOWN]
