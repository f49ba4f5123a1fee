"""From the bytes of a record to transactions, by a mapping. Pure.

What a record means depends on the record and the mapping alone, never on other records: so it means the same after a
restart, and whatever the order of partitions is.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from data.contract import wire
from data.datasets import presets
from data.datasets.cells import AmbiguousError
from data.datasets.conventions import TIME_PARTS, Conventions, find_out
from data.datasets.date_parts import format_of
from data.datasets.mapping import MappedColumns, Mapping
from data.datasets.missing import is_missing
from data.datasets.numbers import Numbers
from data.datasets.one_order import Cells, LeftOut, OrderError, cancelled, read_edited_order, read_order
from services.ingest.envelope import OrderContent, opened
from services.ingest.epochs import one_reading
from services.ingest.json_values import Number, cell, flat, parsed
from services.ingest.outcomes import AcceptedRecord, Passed, RecordOutcome, Rejected
from services.ingest.revisions import revised, revision_of

T = TypeVar("T")
_Read = Callable[[Conventions, Cells, list[Cells] | None], T]

_KNOWN_SHAPES = 4_096
_MONEY = frozenset(("amount", "price", "refund", "quantity"))
# Formats of times that can't be taken for another one, and in which nothing is open.
_SELF_TELLING = frozenset(
    ("iso", "month-names", "epoch-seconds", "epoch-milliseconds", "epoch-microseconds", "epoch-nanoseconds")
)
_REQUIRED = ("transaction", "customer", "time", "amount", "quantity", "price")


class RecordReader:
    """Reads records by a mapping.

    Parameters
    ----------
    mapping
        How orders are written.
    currency
        The currency of the stream. A record in another one is rejected.
    """

    def __init__(self, mapping: Mapping, currency: str) -> None:
        money = msgspec.structs.replace(mapping.money, currency=currency)
        self._mapping = msgspec.structs.replace(mapping, money=money)
        self._lines = mapping.records.lines
        self._columns = lru_cache(_KNOWN_SHAPES)(self._find_columns)
        self._plain = lru_cache(_KNOWN_SHAPES)(self._plain_conventions)

    def read(self, value: bytes | None) -> RecordOutcome:
        """What a record means."""
        try:
            content = opened(value)
            if isinstance(content, str):
                return Passed(content)
            if self._mapping.records.revision:
                return self._revision(content)
            found = self._transactions(content.fields, content)
            return self._updated(found, content) if content.operation == "update" else found
        except AmbiguousError as error:
            return Rejected(str(error), is_ambiguous=True)
        except (ValueError, RecursionError) as error:
            return Rejected(str(error) or "the record is nested too deeply")

    def columns(self, fields: Iterable[str]) -> dict[str, str]:
        """The path of each canonical column among the fields of a record.

        Raises
        ------
        ValueError
            If a column that is needed is missing, or two could be meant.
        """
        return self._columns(tuple(fields))

    def fields(self, value: bytes | None) -> list[str]:
        """The paths of a record's fields, those of its lines included; none if there is no order in it."""
        content = opened(value)
        return [] if isinstance(content, str) else [*self._split(content.fields)[2]]

    def _updated(self, found: AcceptedRecord | Passed, content: OrderContent) -> RecordOutcome:
        """An update that takes back what may have been sent before can't be passed over."""
        before = None if content.before is None else self._before(content.before, content)
        if isinstance(found, Passed):
            if isinstance(before, Passed):
                return found
            known = "was a transaction before" if before else "may have been a transaction before"
            what = "has no customer" if found.why == "guest" else "is no sale"
            return Rejected(f"the update says that the order {what}, but it {known}")
        if isinstance(before, AcceptedRecord) and _identity(before) != _identity(found):
            return Rejected("the update changes the number or the customer of an order")
        return found

    def _revision(self, content: OrderContent) -> RecordOutcome:
        """A record as a revision of its order: what the order is now, and what it was before as cancelled."""
        revision = self._revision_of(content.fields)
        is_new = content.operation == "create"
        found = self._transactions(content.fields, content, read_order if is_new else read_edited_order)
        before = None if content.before is None else self._before(content.before, content)
        was = before.transactions if isinstance(before, AcceptedRecord) else []
        now: list[wire.Transaction] = []
        if isinstance(found, AcceptedRecord):
            now = found.transactions
        elif found.why == "not a sale" and not is_new and not isinstance(before, Passed):
            now = self._read(content.fields, content, cancelled)
        elif content.operation == "update" and before is None:
            return self._updated(found, content)
        transactions = revised(now, was, revision)
        return AcceptedRecord(transactions) if transactions or isinstance(found, AcceptedRecord) else found

    def _revision_of(self, fields: dict[str, Any]) -> int:
        path, head = self._mapping.records.revision, dict(flat(fields))
        name = presets.spelled(path, list(head))
        if name is None and not self._mapping.records.omits_blank:
            raise ValueError(f"the record has no field {path!r} (records.revision)")
        try:
            return 0 if name is None else revision_of(head[name])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    def _before(self, fields: dict[str, Any], content: OrderContent) -> AcceptedRecord | Passed | None:
        try:
            return self._transactions(fields, content)
        except ValueError:
            return None

    def _transactions(
        self, fields: dict[str, Any], content: OrderContent, read: _Read[list[wire.Transaction] | LeftOut] = read_order
    ) -> AcceptedRecord | Passed:
        result = self._read(fields, content, read)
        return Passed(result) if isinstance(result, str) else AcceptedRecord(result)

    def _read(self, fields: dict[str, Any], content: OrderContent, read: _Read[T]) -> T:
        """What a function reads from the cells of an order."""
        head, lines, names = self._split(fields)
        columns = self._columns(tuple(names))
        of_lines = {column for column, path in columns.items() if self._is_of_lines(path)}
        order = self._cells(columns.keys() - of_lines, columns, head, content)
        rows = None if lines is None else [self._cells(of_lines, columns, line, content) for line in lines]
        try:
            return self._result(columns, order, rows, read)
        except OrderError as error:
            raise ValueError(f"{columns[error.column]}: {error}") from None

    def _result(self, columns: dict[str, str], order: Cells, rows: list[Cells] | None, read: _Read[T]) -> T:
        """What a function reads from cells that tell how they are written."""
        time = self._mapping.time
        form = time.format or format_of(order.get("time") or "")
        if form in _SELF_TELLING or (time.format and (form != "slashes" or time.day_first is not None)):
            try:
                return read(self._plain(tuple(columns.items()), form or ""), order, rows)
            except OrderError:
                pass  # a cell that does not tell, or can't be read: the rules of files decide, and name the reason
        return read(self._found_out(columns, [order, *(rows or ())]), order, rows)

    def _split(self, fields: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]] | None, dict[str, None]]:
        """The order's own fields by path, those of each line, and all paths."""
        head = dict(flat(fields))
        if not self._lines:
            return head, None, dict.fromkeys(head)
        listed = head.pop(self._lines, None)
        if isinstance(listed, str) and listed.lstrip().startswith("["):  # a column of type JSON, as Debezium writes it
            listed = parsed(listed.encode())
        if not isinstance(listed, list) or not all(isinstance(line, dict) for line in listed):
            raise ValueError(f"the field {self._lines!r} (records.lines) is no list of objects")
        lines = [dict(flat(line, f"{self._lines}.")) for line in listed]
        return head, lines, dict.fromkeys([*head, *(name for line in lines for name in line)])

    def _is_of_lines(self, path: str) -> bool:
        return bool(self._lines) and path.startswith(f"{self._lines}.")

    def _cells(
        self, wanted: Iterable[str], columns: dict[str, str], fields: dict[str, Any], content: OrderContent
    ) -> Cells:
        found: dict[str, str | None] = {
            column: _cell(columns[column], fields) for column in wanted if column not in TIME_PARTS
        }
        if "time" in wanted:
            moment = one_reading(fields.get(columns["time"]), self._mapping, may_be_local=content.has_local_epochs)
            others = [_cell(columns[part], fields) for part in TIME_PARTS[1:] if part in columns]
            found["time"] = " ".join(filter(None, [cell(moment), *others])) or None
        return found

    def _found_out(self, columns: dict[str, str], rows: Sequence[Cells]) -> Conventions:
        """How the cells of a record are written, by the rules of files."""

        def distinct(column: str) -> Iterator[str]:
            for row in rows:
                text = row.get(column)
                # A number of JSON has a decimal point whatever the texts beside it have: it is no evidence.
                if text is not None and text.strip() and not (column in _MONEY and isinstance(text, Number)):
                    yield text

        mapping = msgspec.structs.replace(self._mapping, columns=MappedColumns(**columns))
        return find_out(mapping, distinct, self._mapping.money.currency)

    def _plain_conventions(self, columns: tuple[tuple[str, str], ...], form: str) -> Conventions:
        """How cells are written that have one reading: to find that out for each record would take long.

        The times have one format. A number with two readings is an error unless the mapping has a decimal mark.
        """
        time = msgspec.structs.replace(self._mapping.time, format=form)
        mapping = msgspec.structs.replace(self._mapping, columns=MappedColumns(**dict(columns)), time=time)
        known = find_out(mapping, lambda column: (), mapping.money.currency)
        numbers = Numbers(mapping.money.decimal, mapping.money.currency)
        parsers = dict(known.parsers)
        parsers |= {column: numbers.units for column in ("amount", "price") if column in parsers}
        if "quantity" in parsers:
            parsers["quantity"] = numbers.quantity
        if "refund" in parsers:
            parsers["refund"] = lambda text: None if is_missing(text) else numbers.units(text)
        return Conventions(mapping, parsers, ())

    def _find_columns(self, names: tuple[str, ...]) -> dict[str, str]:
        named = self._mapping.columns.named()
        blank = []
        for column, name in named.items():
            if presets.has_column(name, names):
                continue
            if column in _REQUIRED and not (column == "customer" and self._mapping.records.omits_blank):
                hint = "; if guests have none: --set records.omits_blank=true" if column == "customer" else ""
                raise ValueError(f"the record has no field {name!r} (columns.{column}){hint}")
            blank.append(name)
        return presets.complete(self._mapping, [*names, *blank], "record").columns.named()


def _cell(path: str, fields: dict[str, Any]) -> str | None:
    try:
        return cell(fields.get(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _identity(accepted: AcceptedRecord) -> tuple[str, str]:
    first = accepted.transactions[0]
    return first.customer_id, first.transaction_id
