"""Recognises by its header what a file is, and finds the file's spelling of every canonical column."""

import re
from collections.abc import Mapping as Dict
from collections.abc import Sequence, Set

import msgspec

from data.datasets.cells import AmbiguousError, DataError
from data.datasets.mapping import MappedColumns, Mapping
from data.datasets.mapping_toml import from_tables
from data.datasets.preset_tables import NAMES as NAMES
from data.datasets.preset_tables import preset_tables

_REQUIRED = ("transaction", "customer", "time")
_WORDS = {
    "transaction": "order number (columns.transaction)",
    "customer": "customer (columns.customer)",
    "time": "date (columns.time)",
    "amount": "amount (columns.amount, or columns.quantity and columns.price)",
}
_WHERE = "see docs/files.md"
_NUMBERED = re.compile(r" \(\d+\)$")  # the numbers of columns that have one name
Headers = Dict[str, str]  # the file's spelling by the plain one


def preset(name: str) -> Mapping:
    """The mapping of a preset; its columns are empty until :func:`complete` finds them in a file.

    Raises
    ------
    DataError
        If there is no preset of this name.
    """
    return from_tables({"preset": name}, "preset")


def recognise(headers: Sequence[str]) -> Mapping:
    """The mapping of the preset that fits the header of a file, with the file's own column names.

    Raises
    ------
    AmbiguousError
        If two columns could be meant.
    DataError
        If no preset fits; the message lists all columns that are missing and those that were found.
    """
    return complete(preset(recognised(headers)), headers)


def recognised(headers: Sequence[str]) -> str:
    """The name of the first preset whose signature a header has and that finds all it needs.

    If none finds all, it is the first one with the signature. ``orders``, the last one, fits every header.
    """
    plain = {_plain(header) for header in headers}
    fitting = [name for name in NAMES if _has_signature(plain, preset_tables(name)[1]["signature"])]
    return next((name for name in fitting if _finds_all(name, headers)), fitting[0])


def _has_signature(plain: Set[str], groups: Sequence[Sequence[str]]) -> bool:
    return all(any(_plain(spelling) in plain for spelling in group) for group in groups)


def _finds_all(name: str, headers: Sequence[str]) -> bool:
    try:
        complete(preset(name), headers)
    except AmbiguousError:
        return True
    except DataError:
        return False
    return True


def complete(mapping: Mapping, headers: Sequence[str], what: str = "file") -> Mapping:
    """The mapping with the file's own spelling of every column, those of its preset included.

    ``what`` names in messages what has the columns.

    Raises
    ------
    AmbiguousError
        If the preset knows two columns of the file as the same thing.
    DataError
        If the mapping names a column that the file does not hold, or a column that every file needs is missing.
    """
    file: Headers = {_plain(header): header for header in reversed(headers)}
    columns = {field: _spelled(field, name, file, headers, what) for field, name in mapping.columns.named().items()}
    if mapping.preset:
        recognise = preset_tables(mapping.preset)[1]
        _add_known(columns, recognise["spellings"], file, has_totals=recognise.get("totals", False))
    _refuse_missing(columns, mapping.preset, headers, what)
    _refuse_twins(columns, mapping.columns.named(), headers)
    return msgspec.structs.replace(mapping, columns=MappedColumns(**columns))


def has_column(name: str, headers: Sequence[str]) -> bool:
    """Whether one of the headers is this column, written alike or not."""
    return spelled(name, headers) is not None


def spelled(name: str, headers: Sequence[str]) -> str | None:
    """The header that is this column, written alike or not; None if there is none."""
    if name in headers:
        return name
    return next((header for header in headers if _plain(header) == _plain(name)), None)


def _refuse_twins(columns: Headers, named: Headers, headers: Sequence[str]) -> None:
    """Raise if a column was chosen although another one has the same name, unless the mapping spells it exactly."""
    for field, name in columns.items():
        if named.get(field) == name:
            continue
        twins = [other for other in headers if _plain(_NUMBERED.sub("", other)) == _plain(_NUMBERED.sub("", name))]
        if len(twins) > 1:
            choices = " or ".join(f"--set {_setting(field, twin)}" for twin in twins[:4])
            raise AmbiguousError(f"the columns {_listed(twins)} have one name; choose the {field} with {choices}")


def _plain(header: str) -> str:
    """A column's name without case, blanks and punctuation, so that ``Order ID``, ``order_id`` and ``orderid`` are one.

    >>> _plain(" Customer-ID"), _plain("Created (UTC)"), _plain("Straße")
    ('customerid', 'created(utc)', 'strasse')
    """
    return re.sub(r"[\s_\-.\ufeff]+", "", header).casefold() or header


def _spelled(field: str, name: str, file: Headers, headers: Sequence[str], what: str) -> str:
    if name in headers:
        return name
    if _plain(name) not in file:
        raise DataError(f"columns.{field}: the {what} has no column {name!r}; it has {_listed(headers)}")
    return file[_plain(name)]


def _add_known(
    columns: dict[str, str], spellings: Dict[str, list[list[str]]], file: Headers, *, has_totals: bool
) -> None:
    """Add the columns that a preset knows, except for what the mapping names itself or excludes.

    ``has_totals`` says that an amount is the total of an invoice, beside the quantity and the price of its lines.
    """
    amounts = {"amount", "quantity", "price"} & columns.keys()
    excluded = {"amount"} if amounts & {"quantity", "price"} else {"quantity", "price"} if amounts else set()
    if has_totals:
        excluded = set()
    for field, tiers in spellings.items():
        if field in columns or field in excluded:
            continue
        free = {plain: header for plain, header in file.items() if header not in columns.values()}
        found = _known(field, tiers, free)
        if found:
            columns[field] = found
    if not amounts and "amount" in columns and not has_totals:
        _choose_amount(columns)


def _known(field: str, tiers: list[list[str]], free: Headers) -> str | None:
    """The file's column of the first tier that the file has."""
    for tier in tiers:
        names = list(dict.fromkeys(free[_plain(name)] for name in tier if _plain(name) in free))
        if len(names) > 1:
            choices = " or ".join(f"--set {_setting(field, name)}" for name in names[:4])
            raise AmbiguousError(f"the columns {_listed(names)} can each be the {field.replace('_', ' ')}: {choices}")
        if names:
            return names[0]
    return None


def _choose_amount(columns: dict[str, str]) -> None:
    """Keep an amount, or a quantity and a price. Of a file that has all three, only its reader knows what to count."""
    if "quantity" in columns and "price" in columns:
        amount, price = columns["amount"], columns["price"]
        raise AmbiguousError(
            f"an amount can be the column {amount!r} (--set {_setting('amount', amount)}) or "
            f"{columns['quantity']!r} times {price!r} (--set {_setting('price', price)})"
        )
    columns.pop("quantity", None)
    columns.pop("price", None)


def _setting(field: str, name: str) -> str:
    setting = f"columns.{field}={name}"
    return setting if re.fullmatch(r"[\w.=]+", setting) else f"'{setting}'"


def _refuse_missing(columns: Dict[str, str], name: str, headers: Sequence[str], what: str) -> None:
    lacking = [field for field in _REQUIRED if field not in columns]
    if "amount" not in columns:
        parts = [field for field in ("quantity", "price") if field not in columns]
        lacking += ["amount"] if len(parts) == 2 else parts
    if lacking:
        missing = [_WORDS.get(field, f"{field} (columns.{field})") for field in lacking]
        kind = f", read as {name}," if name else ""
        # A price alone is no amount: the quantity can be in a column that nobody recognises.
        whole = f", or --set {_setting('amount', columns['price'])} if that is all" if lacking == ["quantity"] else ""
        plural = "s" if len(missing) > 1 else ""
        raise DataError(
            f"the {what}{kind} lacks the column{plural} {', '.join(missing)}; it has {_listed(headers)}; "
            f"name a column with --set columns.{lacking[0]}=NAME{whole}, or in a mapping ({_WHERE})"
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
