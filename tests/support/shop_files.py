"""Small files of a shop, written by tests."""

from pathlib import Path
from typing import NamedTuple

from data.datasets import synthetic
from data.datasets.dataset import Dataset
from data.datasets.load import load
from data.datasets.reading import Reading

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
ORDERS = "order_id,customer_id,order_date,total"


class Sold(NamedTuple):
    """What a transaction comes down to: its id, customer, kind, amount and number of lines."""

    transaction_id: str
    customer_id: str
    kind: str
    amount: str
    lines: int


def write(folder: Path, *lines: str, header: str = HEADER, name: str = "shop.csv") -> Path:
    """A CSV of a header and lines."""
    path = folder / name
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return path


def generated(folder: Path, days: int) -> Path:
    """``shop.csv``, synthetic orders of 120 customers within this many days."""
    path = folder / "shop.csv"
    synthetic.write(synthetic.generate(customers=120, days=days, seed=4), path)
    return path


def line(
    invoice: str,
    customer: str = "c1",
    quantity: int | str = 1,
    price: str = "5.00",
    at: str = "2024-03-01 10:00",
    **cells: str,
) -> str:
    """A line of the layout of :data:`HEADER`; ``cells`` can have ``code``, ``text`` and ``country``."""
    code, text, country = cells.get("code", "A10"), cells.get("text", "MUG"), cells.get("country", "UK")
    return f"{invoice},{code},{text},{quantity},{at},{price},{customer},{country}"


def sold(dataset: Dataset) -> list[Sold]:
    """All transactions of a dataset, in their order; the dataset is closed."""
    with dataset:
        return [
            Sold(sent.transaction_id, sent.customer_id, sent.kind, sent.amount, len(sent.lines))
            for sent in dataset.wire_transactions()
        ]


def sold_in(path: Path, *settings: str) -> list[Sold]:
    """All transactions of a file, read with settings of the mapping."""
    return sold(load(path, Reading(settings=settings)))
