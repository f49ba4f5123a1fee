"""Splits the lines of a CSV into cells, and finds every line that can't be split."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

# Excel allows 32,767 characters in a cell; a longer quoted cell is a quotation mark that nobody closed.
MAX_QUOTED = 100_000

# Possessive: the time is linear in the length of the text.
_QUOTED = re.compile(r' *+"((?:[^"]++|"")*+)" *+')
_OPENS = re.compile(r' *+"')
_ENDS = ("", "\n", "\r\n", "\r")

NOT_CLOSED = "a quotation mark opens a cell and does not close it"
AFTER_QUOTE = "there is text after a closing quotation mark"
WHOLE_LINE = "the whole line is in quotation marks"
NOT_TEXT = "it holds bytes that are no text in the file's encoding"


class LineShape(NamedTuple):
    """How many cells a line has: ``columns``, of which the last ones may be missing, down to ``named``."""

    separator: str
    columns: int
    named: int


class CsvLine(NamedTuple):
    """A row of a file: the number of its first line, its raw text, and its cells, or why there are none."""

    number: int
    text: str
    cells: list[str]
    reason: str = ""


class _Open(NamedTuple):
    """A text that ends inside a quoted cell: the cells before, and where the open one begins."""

    cells: list[str]
    at: int


def scan(
    lines: Iterable[str], shape: LineShape, first: int = 1, broken: re.Pattern[str] | None = None
) -> Iterator[CsvLine]:
    """The rows of a file, and its bad lines, in order.

    Parameters
    ----------
    lines
        The physical lines with their ends.
    shape
        What a row looks like.
    first
        The number of the first line.
    broken
        What a line must not contain. A row of several lines is bad as a whole if one of them contains it.

    Yields
    ------
    CsvLine
        Blank lines and rows of empty cells are passed over. A quoted cell may hold line ends. If a quotation mark is
        not closed, only the line that opens the cell is bad: the lines after it are read on their own.
    """
    source = iter(lines)
    again: deque[str] = deque()
    number = first - 1
    while True:
        text = again.popleft() if again else next(source, None)
        if text is None:
            return
        number += 1
        if broken is not None and broken.search(text):
            yield CsvLine(number, text, [], NOT_TEXT)
            continue
        if '"' not in text:
            cells = text.rstrip("\r\n").split(shape.separator)
            parts = 1
        else:
            found = _record(text, source, again, shape)
            if isinstance(found, str):
                yield CsvLine(number, text, [], found)
                continue
            cells, text, parts = found
            if parts > 1 and broken is not None and broken.search(text):
                yield CsvLine(number, text, [], NOT_TEXT)
                number += parts - 1
                continue
        if len(cells) != shape.columns or not cells[0]:
            if not any(cells) or not text.strip(" \r\n"):
                number += parts - 1
                continue
            reason = _fit(cells, shape)
            if reason:
                yield CsvLine(number, text, [], reason)
                continue
        yield CsvLine(number, text, cells)
        number += parts - 1


def split(text: str, separator: str) -> list[str] | None:
    """The cells of one line, ``None`` if a quotation mark is in the wrong place."""
    found = _cells(text, separator, [], 0)
    return found if isinstance(found, list) else None


def _record(text: str, source: Iterator[str], again: deque[str], shape: LineShape) -> tuple[list[str], str, int] | str:
    """The cells of a row that has quotation marks, its text and its number of lines; or why it is bad."""
    found = _cells(text, shape.separator, [], 0)
    parts = [text]
    length = len(text)
    while isinstance(found, _Open):
        part = again.popleft() if again else next(source, None)
        if part is None or length > MAX_QUOTED:
            again.extendleft(reversed(parts[1:] + ([part] if part is not None else [])))
            return NOT_CLOSED
        parts.append(part)
        length += len(part)
        if '"' in part:
            found = _cells("".join(parts), shape.separator, found.cells, found.at)
    if len(parts) == 1:
        return found if isinstance(found, str) else (_whole(found, text, shape) or (found, text, 1))
    if isinstance(found, str) or _fit(list(found), shape) or _each_is_a_row(parts, shape):
        again.extendleft(reversed(parts[1:]))
        return NOT_CLOSED
    return found, "".join(parts), len(parts)


def _cells(text: str, separator: str, before: Sequence[str], at: int) -> list[str] | _Open | str:
    """The cells of a text from ``at`` on, after the cells ``before``; or why it can't be split."""
    cells = list(before)
    while True:
        quoted = _QUOTED.match(text, at)
        if quoted is not None:
            cells.append(quoted[1].replace('""', '"'))
            at = quoted.end()
            if text[at : at + 1] != separator:
                return cells if text[at:] in _ENDS else AFTER_QUOTE
        elif _OPENS.match(text, at):
            return _Open(cells, at)
        else:
            end = text.find(separator, at)
            if end < 0:
                cells.append(text[at:].rstrip("\r\n"))
                return cells
            cells.append(text[at:end])
            at = end
        at += 1


def _whole(cells: list[str], text: str, shape: LineShape) -> str:
    inside = len(cells) == 1 and shape.named > 1 and shape.separator in cells[0]
    return WHOLE_LINE if inside and text.lstrip().startswith('"') else ""


def _fit(cells: list[str], shape: LineShape) -> str:
    """Bring cells to the number of columns in place; why that is impossible, or nothing."""
    missing = shape.columns - len(cells)
    if missing < 0 and not any(cell.strip() for cell in cells[missing:]):
        del cells[missing:]
    elif missing < 0 or len(cells) < shape.named:
        return f"it has {len(cells)} {'column' if len(cells) == 1 else 'columns'} instead of {shape.named}"
    else:
        cells.extend([""] * missing)
    return ""


def _each_is_a_row(parts: Sequence[str], shape: LineShape) -> bool:
    """Whether each line of a cell of several lines would be a row by itself: two stray quotation marks made it one."""
    if shape.columns < 2:
        return False
    return all(part.count(shape.separator) == shape.columns - 1 for part in parts if part.strip())
