"""How each column of a file was read, for people: its convention, and some cells before and after."""

from datetime import UTC
from typing import NamedTuple

from data.datasets.conventions import Conventions
from data.datasets.mapping import Mapping
from data.datasets.parsing import parsed
from data.datasets.raw_cells import Cells
from models.units import from_micros, from_money_units


class ColumnReading(NamedTuple):
    """How a column was read: its canonical name, the file's names, the convention, and cells before and after."""

    name: str
    column: str
    convention: str
    before: tuple[str, ...]
    after: tuple[str, ...]


_MONEY = frozenset(("amount", "price", "refund"))
_TEXTS = {"transaction": "id", "country": "text", "stock_code": "text", "description": "text", "export": "text"}
_PARTS = ("time", "time_of_day", "time_zone")


def column_readings(known: Conventions, cells: Cells) -> tuple[ColumnReading, ...]:
    """How each column was read, in the order of the mapping."""
    names = known.mapping.columns.named()
    found = []
    for name, column in names.items():
        if name in _PARTS[1:]:
            continue
        shown = " + ".join(names[part] for part in _PARTS if part in names) if name == "time" else column
        before = cells.samples(name)
        after = [_shown(name, cell, known) for cell in before]
        found.append(ColumnReading(name, shown, _convention(name, known.mapping), tuple(before), tuple(after)))
    return tuple(found)


def _shown(name: str, cell: str, known: Conventions) -> str:
    value, reason = parsed(cell, known.parsers[name])
    if reason is not None:
        return f"unreadable: {reason}"
    if value is None:
        return "a guest" if name == "customer" else "nothing"
    if name == "time":
        return from_micros(value).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{from_money_units(value):f}" if name in _MONEY else str(value)


def _convention(name: str, mapping: Mapping) -> str:
    """How the cells of a column are written, in words."""
    if name == "time":
        order = {True: ", day first", False: ", month first", None: ""}[mapping.time.day_first]
        return f"{mapping.time.format}{order}, zone {mapping.time.zone or 'in the cell'}"
    if name in _MONEY:
        return f"money, decimal mark {mapping.money.decimal or 'of either kind'}"
    if name == "quantity":
        return "whole number"
    if name == "customer":
        none = ", ".join(mapping.customers.none)
        return f"id; no customer: blank{f', {none}' if none else ''}"
    if name == "kind":
        return f"return if {' or '.join(mapping.returns.kinds)}" if mapping.returns.kinds else "text"
    if name == "status":
        return f"no sale if {' or '.join(mapping.not_sales.statuses)}" if mapping.not_sales.statuses else "text"
    if name == "cancelled":
        return "no sale unless blank"
    return _TEXTS.get(name, "code" if name == "currency" else "text")
