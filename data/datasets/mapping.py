"""A mapping: how the file of a shop is to be read. ``docs/files.md`` describes every key.

A mapping is written in TOML. One with ``preset = "..."`` starts with the tables of that preset, and says only what is
different. Texts that are empty, lists that are empty and keys that are absent mean: find out.
"""

import tomllib
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from data.datasets import mapping_checks
from data.datasets.cells import DataError, shown
from data.datasets.preset_tables import preset_tables
from data.datasets.toml_text import toml_text


class MappedColumns(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The file's names of the canonical columns; an empty name means that the file has no such column."""

    transaction: str = ""
    customer: str = ""
    time: str = ""
    time_of_day: str = ""
    time_zone: str = ""
    amount: str = ""
    quantity: str = ""
    price: str = ""
    country: str = ""
    stock_code: str = ""
    description: str = ""
    kind: str = ""
    status: str = ""
    cancelled: str = ""
    currency: str = ""
    refund: str = ""
    export: str = ""

    def named(self) -> dict[str, str]:
        """The file's name of every canonical column that the file has."""
        names = {field: getattr(self, field) for field in self.__struct_fields__}
        return {field: name for field, name in names.items() if name}


class Time(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How times are written; ``format`` is one of ``dates.FORMATS`` or a format of ``strptime``."""

    format: str = ""
    day_first: bool | None = None
    zone: str = ""


class MappedMoney(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How amounts are written. ``decimal`` decides where a number such as 1.234 has two readings.

    ``amount_of`` says whether the amounts of the rows of an invoice add up, or each is the total of the invoice.
    """

    decimal: Literal["", ".", ","] = ""
    currency: str = ""
    amount_of: Literal["", "row", "invoice"] = ""


class Customers(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which texts are no customer, and what becomes of ids in scientific notation."""

    none: tuple[str, ...] = ()
    real: tuple[str, ...] = ()
    scientific: Literal["refuse", "accept"] = "refuse"


class Returns(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a return differs from a sale; without any rule, nothing is a return."""

    negative: bool = True
    prefix: str = ""
    kinds: tuple[str, ...] = ()


class NotSales(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Rows that are neither a sale nor a return."""

    transaction_prefixes: tuple[str, ...] = ()
    stock_codes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()


class Rows(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the file is laid out."""

    repeat_blank: bool = True
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    separator: str = ""
    encoding: str = ""


class MappedRecords(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the records of a topic are laid out; files have none.

    ``lines`` is the path of the list with the lines of an order. ``omits_blank`` says that a record leaves blank fields
    out. ``epochs`` says whether numbers of milliseconds and the like are moments, or the digits of a local time.
    ``revision`` is the path of the field that grows with every edit of an order.
    """

    lines: str = ""
    omits_blank: bool = False
    epochs: Literal["", "utc", "local"] = ""
    revision: str = ""


class Mapping(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the file of a shop is to be read."""

    preset: str = ""
    columns: MappedColumns = MappedColumns()
    time: Time = Time()
    money: MappedMoney = MappedMoney()
    customers: Customers = Customers()
    returns: Returns = Returns()
    not_sales: NotSales = NotSales()
    rows: Rows = Rows()
    records: MappedRecords = MappedRecords()


def from_toml(text: str, place: str) -> Mapping:
    """The mapping that a TOML text describes, together with the preset that the text names.

    Parameters
    ----------
    place
        The name of the file, for messages.

    Raises
    ------
    DataError
        If the text is no TOML or no valid mapping; the message names the place and the key.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{place}: not valid TOML ({' '.join(str(error).split())})") from None
    return from_tables(tables, place)


def to_toml(mapping: Mapping) -> str:
    """The mapping as TOML, without what its preset says anyway; :func:`from_toml` makes the same mapping of it."""
    base = _tables(from_tables({"preset": mapping.preset}, "preset")) if mapping.preset else {}
    written: dict[str, Any] = {"preset": mapping.preset} if mapping.preset else {}
    defaults = _tables(Mapping())
    for name, table in _tables(mapping).items():
        if isinstance(table, dict):
            expected = base.get(name) or defaults[name]
            different = {key: value for key, value in table.items() if value != expected[key] and value is not None}
            if different:
                written[name] = different
    return toml_text(written)


def with_settings(mapping: Mapping, settings: Sequence[str]) -> Mapping:
    """The mapping with keys set anew, such as ``time.day_first=true``; later settings win.

    The value is read as TOML, and as a text if it is no TOML. A mapping has either an amount or a quantity and a price:
    setting one of them takes the others away unless they are set, too.

    Raises
    ------
    DataError
        If a setting has no ``=``, or its key or value is not valid.
    """
    tables = msgspec.to_builtins(mapping)
    for setting in settings:
        place = f"--set {setting if setting.isprintable() else shown(setting)}"
        key, sign, written = setting.partition("=")
        path = [part.strip() for part in key.split(".")]
        if not sign or not all(path) or len(path) > 2:
            raise DataError(f"{place}: write KEY=VALUE, such as time.day_first=true")
        if path == ["preset"]:
            name = _value(written, path)
            tables = merged(_preset_of({"preset": name}, place), tables) | {"preset": name}
            continue
        table = tables.setdefault(path[0], {}) if len(path) == 2 else tables
        if not isinstance(table, dict):
            raise DataError(f"{place}: {path[0]} has no keys")
        if path[0] == "columns" and len(path) == 2:
            mapping_checks.drop_other_amounts(table, path[1], settings)
        table[path[-1]] = _value(written, path)
        # One setting after the other, so that the message names the one that is wrong.
        _converted(tables, place)
    return _checked(_converted(tables, "--set"), "--set")


def from_tables(tables: dict[str, Any], place: str) -> Mapping:
    """The mapping that parsed TOML describes; see :func:`from_toml`."""
    return _checked(_converted(merged(_preset_of(tables, place), tables), place), place)


def merged(base: Dict[str, Any], over: Dict[str, Any]) -> dict[str, Any]:
    """Tables of ``base`` in which the keys of ``over`` win."""
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in base.items()}
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result


def _tables(mapping: Mapping) -> dict[str, Any]:
    """Every key of a mapping, those with a default value included."""
    tables: dict[str, Any] = {}
    for name in mapping.__struct_fields__:
        part = getattr(mapping, name)
        tables[name] = {key: getattr(part, key) for key in part.__struct_fields__} if isinstance(part, Struct) else part
    return tables


def _preset_of(tables: Dict[str, Any], place: str) -> dict[str, Any]:
    name = tables.get("preset", "")
    try:
        return preset_tables(name)[0] if name else {}
    except DataError as error:
        raise DataError(f"{place}: {error}") from None


def _converted(tables: dict[str, Any], place: str) -> Mapping:
    try:
        return msgspec.convert(tables, Mapping)
    except msgspec.ValidationError as error:
        raise DataError(f"{place}: {mapping_checks.in_words(str(error))}") from None


def _checked(mapping: Mapping, place: str) -> Mapping:
    try:
        mapping_checks.check(mapping)
    except ValueError as error:
        raise DataError(f"{place}: {error}") from None
    return mapping


def _value(written: str, path: Sequence[str]) -> Any:
    """The value of a setting: TOML, or a text as it is where a text belongs; one text can be a list of one."""
    try:
        value = tomllib.loads(f"value = {written}")["value"] if "\n" not in written else written
    except tomllib.TOMLDecodeError:
        value = written
    default: Any = Mapping()
    for name in path:
        default = getattr(default, name, None)
    if isinstance(default, str) and not isinstance(value, str):
        return written
    return [value] if isinstance(default, tuple) and isinstance(value, str) else value
