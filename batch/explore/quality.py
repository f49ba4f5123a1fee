"""Data quality of a raw file: anomalies, how frequent they are, and how Segue treats them."""

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from batch.explore import words
from batch.explore.finding import Finding
from batch.profiles import histories
from data.datasets.dataset import Dataset
from models.units import MONEY_UNITS

Mask = NDArray[np.bool_]

SHOWN_CODES = 15
PRODUCT = r"\d{5}[A-Za-z]{0,3}"  # stock codes of products
# Codes of one series differ only in their last digits: gift_0001_20, DCGS0058.
RETURN, ADJUSTMENT = "C", "A"
_SERIES = re.compile(r"[_\d].*$")
_CELLS = ["invoice", "stock_code", "description", "quantity", "occurred_at", "price_units", "customer", "country"]


def quality(raw: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Count the anomalies in a file.

    Parameters
    ----------
    raw
        The rows, as :func:`data.datasets.frames.frame` returns them, that ``dataset`` was made from.

    Returns
    -------
    DataFrame
        By ``finding``: ``count``, ``unit`` (rows, invoices or customers), ``share`` of all in that unit (in the
        file, or of the known customers), ``treatment`` in words.
    """
    guest = raw["customer"].isna().to_numpy()
    credit = raw["invoice"].str.startswith(RETURN).to_numpy()
    repeated = is_repeated(raw)
    duplicate = exact_duplicates(raw, repeated)
    free = (raw["price_units"] == 0).to_numpy()
    invoices = raw["invoice"].nunique()
    dropped = "second copy dropped"

    def rows(name: str, mask: Mask, treatment: str) -> tuple[Any, ...]:
        return name, int(mask.sum()), "rows", float(mask.mean()), treatment

    def invoice_counts(name: str, mask: Mask, treatment: str) -> tuple[Any, ...]:
        number = raw.loc[mask, "invoice"].nunique()
        return name, number, "invoices", number / invoices, treatment

    findings = [
        ("Rows in the file", len(raw), "rows", 1.0, f"{words.count(dataset.report.lines, 'row')} kept"),
        ("Invoices in the file", invoices, "invoices", 1.0, f"{dataset.report.transactions:,} kept"),
        rows("Rows without a customer (guests)", guest, "set aside"),
        invoice_counts("Invoices without a customer (guests)", guest, "set aside"),
        rows("Rows of credit notes (invoice C…)", credit, "kept, as returns"),
        invoice_counts("Credit notes (invoice C…)", credit, "kept, as returns"),
        rows("Bad-debt adjustments (invoice A…)", raw["invoice"].str.startswith(ADJUSTMENT).to_numpy(), "set aside"),
        rows("Rows that a second export repeats", repeated, dropped),
        invoice_counts("Invoices that a second export repeats", repeated, dropped),
        rows("Exact duplicates of a line, within an invoice", duplicate, "kept: a line may be repeated on purpose"),
        invoice_counts("Invoices with two timestamps", two_timestamps(raw, repeated), "first timestamp used"),
        rows("Stock codes that are not products", ~is_product(raw["stock_code"]), "kept: they are part of revenue"),
        rows("Price 0", free, "kept where the customer is known"),
        rows("Price 0, with a customer", free & ~guest, "kept"),
        rows("Price below 0", (raw["price_units"] < 0).to_numpy(), "kept where the customer is known"),
        rows("Price with more than two decimals", (raw["price_units"] % 100 != 0).to_numpy(), "kept without rounding"),
        rows("Negative quantity outside credit notes", _corrections(raw, credit), "kept where the customer is known"),
        rows("Missing description", raw["description"].isna().to_numpy(), "kept where the customer is known"),
        *_customer_counts(dataset),
    ]
    columns = ["finding", "count", "unit", "share", "treatment"]
    return pd.DataFrame(findings, columns=columns).set_index("finding")


def is_repeated(raw: pd.DataFrame) -> Mask:
    """Whether each row belongs to an invoice that an earlier export contains."""
    return (raw["export"] > raw.groupby("invoice")["export"].transform("min")).to_numpy()


def exact_duplicates(raw: pd.DataFrame, repeated: Mask) -> Mask:
    """Whether each row equals an earlier row of its invoice in every cell, within one export."""
    return raw.duplicated(subset=_CELLS).to_numpy() & ~repeated


def two_timestamps(raw: pd.DataFrame, repeated: Mask) -> Mask:
    """Whether each row belongs to an invoice with more than one timestamp."""
    once = raw[~repeated]
    moments = once.groupby("invoice")["occurred_at"].nunique()
    return raw["invoice"].isin(moments.index[moments > 1]).to_numpy()


def is_product(stock_codes: pd.Series) -> Mask:
    """Whether each stock code is that of a product: five digits and up to three letters."""
    codes, distinct = stock_codes.factorize()
    fits: Mask = np.array([re.fullmatch(PRODUCT, code.strip()) is not None for code in distinct], dtype=np.bool_)
    product: Mask = fits[codes]
    return product


def odd_stock_codes(raw: pd.DataFrame) -> pd.DataFrame:
    """Stock codes that are not products, most rows first; codes of one series, in any case, are counted together.

    Returns
    -------
    DataFrame
        By ``code``: the most frequent ``description``, ``rows``, ``with_customer`` (rows), and ``net``, the sum of
        quantity times price in currency units. Rows that a second export repeats do not count.
    """
    odd = raw[~is_product(raw["stock_code"]) & ~is_repeated(raw)]
    codes, distinct = odd["stock_code"].factorize()
    series = (
        pd.Series(_in_series([code.strip().upper() for code in distinct]), dtype="str").take(codes).set_axis(odd.index)
    )
    groups = odd.assign(code=series, units=odd["quantity"] * odd["price_units"]).groupby("code")
    table = pd.DataFrame(
        {
            "description": groups["description"].agg(_most_frequent),
            "rows": groups.size(),
            "with_customer": groups["customer"].count(),
            "net": groups["units"].sum() / MONEY_UNITS,
        }
    )
    return table.sort_values("rows", ascending=False, kind="stable")


def quality_table(raw: pd.DataFrame, dataset: Dataset) -> Finding:
    """The anomalies in the file, as a table."""
    found = quality(raw, dataset)
    share = found["share"]
    summary = (
        f"{words.percent(share['Rows without a customer (guests)'])} of the rows have no customer, "
        f"{words.percent(share['Credit notes (invoice C…)'])} of the invoices are credit notes, and a second export "
        f"repeats {words.percent(share['Rows that a second export repeats'])} of the rows."
    )
    table = pd.DataFrame(
        {
            "finding": found.index,
            "count": found["count"].map("{:,}".format),
            "of": found["unit"],
            "share": [words.percent(part) for part in found["share"]],
            "treatment by Segue": found["treatment"],
        }
    )
    note = "A row can have several anomalies: a guest's invoice that a second export repeats counts as both."
    return Finding("quality", "Anomalies in the file", summary, found, table=table, note=note)


def odd_codes_table(raw: pd.DataFrame) -> Finding:
    """Postage, discounts, fees and similar codes, as a table."""
    codes = odd_stock_codes(raw)
    if codes.empty:
        return Finding("codes", "Stock codes that are not products", "All stock codes look like products.", codes)
    summary = (
        f"{words.count(int(codes['rows'].sum()), 'row')} are postage, manual entries, fees and similar; the most "
        f"frequent code is {codes.index[0]} ({codes['rows'].iloc[0]:,} rows, {words.pounds(codes['net'].iloc[0])} net)."
    )
    shown = codes.head(SHOWN_CODES)
    table = pd.DataFrame(
        {
            "code": shown.index,
            "for example": shown["description"],
            "rows": shown["rows"].map("{:,}".format),
            "with customer": shown["with_customer"].map("{:,}".format),
            "net": shown["net"].map(words.pounds),
        }
    )
    hidden = len(codes) - len(shown)
    note = f"{words.count(hidden, 'less frequent code')} not shown." if hidden else ""
    return Finding("codes", "Stock codes that are not products", summary, codes, table=table, note=note)


def _customer_counts(dataset: Dataset) -> list[tuple[Any, ...]]:
    past = histories(dataset.transactions)
    countries = dataset.transactions.groupby("customer_id")["country"].nunique()
    total = len(past)

    def customers(name: str, number: int, treatment: str) -> tuple[Any, ...]:
        return name, number, "customers", number / total, treatment

    without_spend = int((past["gross_units"] <= past["returned_units"]).sum())
    return [
        customers("Customers who only returned", int((past["frequency"] == 0).sum()), "in no segment"),
        customers("Customers with no spend net of returns", without_spend, "monetary value 0"),
        customers("Customers in two countries or more", int((countries > 1).sum()), "kept"),
    ]


def _corrections(raw: pd.DataFrame, credit: Mask) -> Mask:
    return (raw["quantity"] < 0).to_numpy() & ~credit


def _in_series(codes: list[str]) -> list[str]:
    """Codes, with those of a series of two or more replaced by their common prefix and an ellipsis."""
    stems = [_SERIES.sub("", code) for code in codes]
    many = {
        stem for stem in stems if len(stem) > 2 and len({c for c, s in zip(codes, stems, strict=True) if s == stem}) > 1
    }
    return [f"{stem}…" if stem in many else code for code, stem in zip(codes, stems, strict=True)]


def _most_frequent(texts: pd.Series) -> str:
    counts = texts.value_counts()
    return str(counts.index[0]) if len(counts) else "–"
