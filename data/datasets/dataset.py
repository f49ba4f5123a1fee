"""The transactions of a retail dataset: clean and in the order of event time.

A raw file has one row per line of an invoice. A transaction is a whole invoice. Rows without a customer and bad-debt
adjustments are left out, and so is an invoice that a later export repeats. All of them are counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.contract import wire
from data.datasets import encoding, readers
from data.datasets.cells import MAX_NUMBER, DataError
from models.units import MONEY_UNITS, Ints, from_money_units

RETURN = "C"
ADJUSTMENT = "A"

LINE_COLUMNS = [
    "transaction_id",
    "customer_id",
    "occurred_at",
    "stock_code",
    "description",
    "quantity",
    "price_units",
    "country",
]

_CHUNK = 2_000
_MAX_UNITS = MAX_NUMBER * MONEY_UNITS


@dataclass(frozen=True)
class Report:
    """Counts of the rows of a file and of the transactions made from them.

    ``guest_*``, ``adjustment_rows`` and ``overlap_*`` describe the file: a guest's invoice that a second export repeats
    counts in both. ``lines`` and the fields after it describe the transactions.
    """

    rows: int
    exports: int
    guest_rows: int
    guest_invoices: int
    adjustment_rows: int
    overlap_rows: int
    overlap_invoices: int
    overlap_dropped: bool
    lines: int
    transactions: int
    sales: int
    returns: int
    customers: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Dataset:
    """Clean transactions, ordered by event time and transaction id.

    Parameters
    ----------
    name
        The name of their source, for messages.
    lines
        One row per line, an invoice's lines together: ``transaction_id, customer_id, occurred_at, stock_code,
        description, quantity, price_units, country``.
    transactions
        One row per invoice: ``transaction_id, customer_id, occurred_at`` (its first moment), ``kind`` (``sale`` or
        ``return``), ``amount_units`` (ten-thousandths, never negative), ``country``, and the rows of its lines:
        ``first_line, line_count``.
    report
        What was kept and what was left out.
    """

    name: str
    lines: pd.DataFrame
    transactions: pd.DataFrame
    report: Report

    def wire_transactions(self, start: int = 0, stop: int | None = None) -> Iterator[wire.Transaction]:
        """Transactions number ``start`` up to ``stop`` as values of the transactions topic."""
        numbers = range(len(self.transactions))[start:stop]
        for begin in range(numbers.start, numbers.stop, _CHUNK):
            chunk = self.transactions.iloc[begin : min(begin + _CHUNK, numbers.stop)]
            yield from encoding.wire_transactions(chunk, self.lines)


def load(path: Path, *, drop_overlap: bool = True) -> Dataset:
    """Read and clean one raw file; see :func:`data.datasets.readers.read` and :func:`clean`."""
    return clean(readers.read(path), Path(path).name, drop_overlap=drop_overlap)


def clean(raw: pd.DataFrame, name: str, *, drop_overlap: bool = True) -> Dataset:
    """Build transactions from raw rows.

    Parameters
    ----------
    raw
        Rows in the columns of :func:`data.datasets.readers.read`.
    drop_overlap
        Keep an invoice that several exports contain from the first one only. Otherwise it becomes several transactions
        with the same id.

    Raises
    ------
    DataError
        If no transaction is left, or an invoice has two customers or a total that contradicts its kind.
    """
    guest = raw["customer"].isna().to_numpy()
    adjustment = raw["invoice"].str.startswith(ADJUSTMENT).to_numpy()
    invoice, _ = raw["invoice"].factorize()
    repeated = _after_first_export(invoice, raw["export"].to_numpy())
    kept = ~guest & ~adjustment
    if drop_overlap:
        kept &= ~repeated
    if not kept.any():
        raise DataError(f"{name}: no transaction of a known customer in {len(raw):,} rows")
    one_each = pd.MultiIndex.from_arrays([invoice[kept], raw["export"].to_numpy()[kept]])
    lines, transactions = _fold(raw[kept], one_each.factorize()[0], name)
    returns = int((transactions["kind"] == "return").sum())
    report = Report(
        rows=len(raw),
        exports=raw["export"].nunique(),
        guest_rows=int(guest.sum()),
        guest_invoices=raw.loc[guest, "invoice"].nunique(),
        adjustment_rows=int(adjustment.sum()),
        overlap_rows=int(repeated.sum()),
        overlap_invoices=raw.loc[repeated, "invoice"].nunique(),
        overlap_dropped=drop_overlap,
        lines=len(lines),
        transactions=len(transactions),
        sales=len(transactions) - returns,
        returns=returns,
        customers=transactions["customer_id"].nunique(),
        first=transactions["occurred_at"].iloc[0].to_pydatetime(),
        last=transactions["occurred_at"].iloc[-1].to_pydatetime(),
    )
    return Dataset(name, lines, transactions, report)


def _after_first_export(invoice: Ints, export: Ints) -> NDArray[np.bool_]:
    """Which rows belong to an invoice that an earlier export contains."""
    first = np.full(invoice.max(initial=-1) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, invoice, export)
    return export > first[invoice]


def _fold(rows: pd.DataFrame, group: Ints, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lines and transactions; rows with the same ``group``, numbered in order of appearance, are one invoice."""
    rows = rows.rename(columns={"invoice": "transaction_id", "customer": "customer_id"}).reset_index(drop=True)
    count = group.max() + 1
    head = rows.loc[~pd.Series(group).duplicated()].reset_index(drop=True)
    _refuse_two_customers(rows, head, group, name)
    first = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(first, group, rows["occurred_at"].astype("int64").to_numpy())
    kind = np.where(head["transaction_id"].str.startswith(RETURN), "return", "sale")
    transactions = pd.DataFrame(
        {
            "transaction_id": head["transaction_id"],
            "customer_id": head["customer_id"],
            "occurred_at": pd.to_datetime(first, unit="us", utc=True).as_unit("us"),
            "kind": pd.array(kind, dtype="str"),
            "amount_units": _amounts(rows, head, group, kind, name),
            "country": head["country"],
            "line_count": np.bincount(group),
        }
    ).sort_values(["occurred_at", "transaction_id"], kind="stable")
    rank = np.empty(count, dtype=np.int64)
    rank[transactions.index] = np.arange(count)
    transactions = transactions.reset_index(drop=True)
    transactions.insert(6, "first_line", transactions["line_count"].cumsum() - transactions["line_count"])
    number = rank[group]
    order = np.argsort(number, kind="stable")
    lines = rows[LINE_COLUMNS].take(order).reset_index(drop=True)
    lines["occurred_at"] = transactions["occurred_at"].take(number[order]).array
    return lines, transactions


def _amounts(rows: pd.DataFrame, head: pd.DataFrame, group: Ints, kind: NDArray[np.str_], name: str) -> Ints:
    """The absolute total of each invoice. The sign of the total must be the one of its kind."""
    quantity, price = rows["quantity"].to_numpy(), rows["price_units"].to_numpy()
    totals = np.zeros(len(head), dtype=np.int64)
    np.add.at(totals, group, quantity * price)
    # Integer sums overflow silently, floats don't, so the float sum shows whether an exact total is valid.
    size = np.bincount(group, weights=np.abs(quantity.astype(np.float64) * price))
    for wrong, reason in (
        (size >= _MAX_UNITS, "is too large an amount"),
        ((kind == "sale") & (totals < 0), "is negative for a sale"),
        ((kind == "return") & (totals > 0), "is positive for a return"),
    ):
        if wrong.any():
            at = int(np.argmax(wrong))
            total = f"a total of {from_money_units(int(totals[at]))} " if size[at] < _MAX_UNITS else "its total "
            raise DataError(f"{name}: invoice {head['transaction_id'].iloc[at]}: {total}{reason}")
    return np.abs(totals)


def _refuse_two_customers(rows: pd.DataFrame, head: pd.DataFrame, group: Ints, name: str) -> None:
    customer, names = rows["customer_id"].factorize()
    first = customer[~pd.Series(group).duplicated().to_numpy()]
    mixed = customer != first[group]
    if mixed.any():
        at = int(np.argmax(mixed))
        both = f"{names[first[group[at]]]} and {names[customer[at]]}"
        raise DataError(f"{name}: invoice {rows['transaction_id'].iloc[at]} has two customers, {both}")
