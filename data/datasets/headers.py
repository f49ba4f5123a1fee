"""The names of a table's columns."""

from collections import Counter
from collections.abc import Sequence

from data.datasets.cells import DataError, shown

MAX_SHOWN = 200
#: The name of the column that numbers the rows.
ROW = "segue_row"


def headers_of(cells: Sequence[str]) -> list[str]:
    """Names of columns without blanks around them: a blank one is ``column 3``, a second one ``Price (2)``."""
    names = []
    seen: Counter[str] = Counter({ROW: 1})
    for number, cell in enumerate(cells, 1):
        name = " ".join(cell.replace("\ufeff", "").replace("\0", "").split()) or f"column {number}"
        wanted = name
        while seen[wanted.casefold()]:
            seen[name.casefold()] += 1
            wanted = f"{name} ({seen[name.casefold()]})"
        seen[wanted.casefold()] += 1
        names.append(wanted)
    return names


def require_names(place: str, line: int, cells: Sequence[str]) -> None:
    """Raise :class:`DataError` if the line that should hold the names of the columns looks like data."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    numbers = [cell for cell in filled if _is_number_or_date(cell)]
    if filled and len(numbers) * 2 >= len(filled):
        raise DataError(
            f"{place}: line {line} looks like data ({shown(numbers[0])}), not like the names of columns; "
            f"the first line must hold the names"
        )


def _is_number_or_date(cell: str) -> bool:
    return any(c.isdigit() for c in cell) and not cell.strip("0123456789.,:/+- TZ")
