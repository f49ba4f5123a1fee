"""Notes about columns: those that may decide what is a sale and are not read, and those that differ between files."""

import re
from collections.abc import Iterable, Mapping, Sequence

from data.datasets.cells import shown

_DECIDES = re.compile(r"refund|return|cancel|void|storn|reversal|reversed|charge.?back|gutschrift|soll.?haben|is.?test")
_ONLY_DESCRIBES = re.compile(r"reason|policy|note|comment|url|grund|qty|quantity|count|\bby$")
_COMPARED = ("transaction", "customer", "time", "amount", "price", "quantity")


def not_read(place: str, headers: Sequence[str], read: Iterable[str]) -> list[str]:
    """A note that names such columns.

    >>> not_read("shop.csv", ["Order", "Is Return", "Refund reason"], ["Order"])[0][:48]
    "shop.csv: the column 'Is Return' is not read; if"
    """
    used = set(read)
    found = [
        header
        for header in headers
        if header not in used and _DECIDES.search(header.lower()) and not _ONLY_DESCRIBES.search(header.lower())
    ]
    if not found:
        return []
    names, verb = ", ".join(map(shown, found)), "column {} is" if len(found) == 1 else "columns {} are"
    return [
        f"{place}: the {verb.format(names)} not read; if it decides what is a return or no sale, name it as "
        f"columns.kind, columns.status, columns.cancelled or columns.refund, such as --set 'columns.kind={found[0]}'."
    ]


def differing(place: str, names: Mapping[str, str], first_place: str, first_names: Mapping[str, str]) -> list[str]:
    """A note about columns that mean the same in two files but have different names.

    >>> differing("b.csv", {"customer": "Email"}, "a.csv", {"customer": "customer_id"})
    ["The customer is the column 'Email' in b.csv, but 'customer_id' in a.csv."]
    """
    return [
        f"The {field} is the column {shown(names[field])} in {place}, but {shown(first_names[field])} in {first_place}."
        for field in _COMPARED
        if field in names and field in first_names and _plain(names[field]) != _plain(first_names[field])
    ]


def without_currency(places: Sequence[str]) -> list[str]:
    """A note about files without a column that others have: that with the currency."""
    if not places:
        return []
    more = f" and {len(places) - 1:,} more" if len(places) > 1 else ""
    return [f"The amounts of {places[0]}{more} are taken to be in the currency that the other files name."]


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()
