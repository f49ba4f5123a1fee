"""What every parser of a cell shares: how a cell is trimmed and shown, and the errors of files.

A parser takes the text of a cell and gives its value, or raises ``ValueError`` with a reason that begins with the cell.
"""

import re

from data.contract.bounds import MAX_ID_LENGTH
from runtime.errors import SegueError

# Marks that have no width and that programs leave at the ends of a text.
_INVISIBLE = "\ufeff\u200b\u2060"
# How programs keep Excel from taking a text for a number.
_FORMULA = re.compile(r'="([^"]*)"')


class DataError(SegueError, ValueError):
    """A file of transactions that can't be used; the message names the place and the reason in one line."""


class AmbiguousError(DataError):
    """A file that can be read in two ways; the message names both, and the settings that choose."""


def trimmed(cell: str) -> str:
    """A cell without the blanks around it, whatever their width; an invisible mark at an end is no part of it, either.

    A text that is wrapped in a formula for Excel is the text.

    >>> trimmed("\\u00a0 Ann \\ufeff"), trimmed('="00123"')
    ('Ann', '00123')
    """
    text = cell.strip().strip(_INVISIBLE).strip()
    if text[:1] == "=" and (formula := _FORMULA.fullmatch(text)):
        return formula[1].strip()
    return text


def shown(cell: object) -> str:
    """A cell for an error message: one line of at most 64 characters.

    >>> shown("12 pcs"), shown(None)
    ("'12 pcs'", 'nothing')
    """
    text = repr(str(cell)) if cell is not None else "nothing"
    return text if len(text) <= MAX_ID_LENGTH else f"{text[: MAX_ID_LENGTH - 4]}...'"
