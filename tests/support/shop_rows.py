"""A few hand-written rows of a shop, in the columns of a raw file."""

import pandas as pd

from data.datasets.dataset import Dataset
from data.datasets.frames import clean

Row = tuple[str, str, str | None, int, str, float, str | None, str, int]
COLUMNS = ["invoice", "stock_code", "description", "quantity", "occurred_at", "price", "customer", "country", "export"]


def raw_rows(*rows: Row) -> pd.DataFrame:
    """Rows of (invoice, stock code, description, quantity, moment, price, customer, country, export)."""
    frame = pd.DataFrame(rows, columns=COLUMNS)
    text = ["invoice", "stock_code", "description", "customer", "country"]
    frame = frame.astype(dict.fromkeys(text, "str"))
    frame["occurred_at"] = pd.to_datetime(frame["occurred_at"], utc=True).dt.as_unit("us")
    frame["price_units"] = (frame.pop("price") * 10_000).round().astype("int64")
    return frame.assign(row=range(1, len(frame) + 1))


def sale(invoice: str, customer: str | None, moment: str, amount: float, *, country: str = "United Kingdom") -> Row:
    """An invoice of one line; a credit note if its number begins with C."""
    quantity = -1 if invoice.startswith("C") else 1
    return invoice, "85048", "LIGHTS", quantity, moment, amount, customer, country, 0


def shop(*rows: Row) -> Dataset:
    """The transactions of such rows."""
    return clean(raw_rows(*rows), "hand-written")
