"""A mapping: how the file of a shop is to be read. ``docs/files.md`` describes every key.

A mapping is written in TOML. One with ``preset = "..."`` starts with the tables of that preset, and says only what is
different. Texts that are empty, lists that are empty and keys that are absent mean: find out.
"""

from typing import Literal

from msgspec import Struct


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
