"""Columns that a mapping does not read, although their names say that they decide what is a sale."""

import re
from collections.abc import Iterable, Sequence

from data.datasets.cells import shown

_DECIDES = re.compile(r"refund|return|cancel|void|storn|reversal|reversed|charge.?back|gutschrift|soll.?haben|is.?test")
_ONLY_TELLS = re.compile(r"reason|policy|note|comment|url|grund|qty|quantity|count|\bby$")


def notes(place: str, headers: Sequence[str], read: Iterable[str]) -> list[str]:
    """A note that names such columns.

    >>> notes("shop.csv", ["Order", "Is Return", "Refund reason"], ["Order"])[0][:48]
    "shop.csv: the column 'Is Return' is not read; if"
    """
    used = set(read)
    found = [
        header
        for header in headers
        if header not in used and _DECIDES.search(header.lower()) and not _ONLY_TELLS.search(header.lower())
    ]
    if not found:
        return []
    names, verb = ", ".join(map(shown, found)), "column {} is" if len(found) == 1 else "columns {} are"
    return [
        f"{place}: the {verb.format(names)} not read; if it decides what is a return or no sale, name it as "
        f"columns.kind, columns.status, columns.cancelled or columns.refund, such as --set 'columns.kind={found[0]}'."
    ]
