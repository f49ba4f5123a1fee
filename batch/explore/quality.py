"""Data quality of a dataset's files: anomalies, how frequent they are, and how Segue treats them."""

from collections.abc import Iterator

import pandas as pd

from batch.dataset_frames import USABLE, ask
from batch.explore import formats
from batch.explore.finding import Finding
from batch.explore.stock_codes import knows_products, odd_rows
from data.datasets.dataset import Dataset
from runtime.counts import many

# A finding, how many there are of which unit, their share of all in that unit, and how Segue treats them.
Count = tuple[str, int, str, float, str]

_ADJUSTMENTS = ("A",)
_ONCE = "left_out IS DISTINCT FROM 'repeated'"
_CELLS = "transaction_id, stock_code, description, quantity, occurred_at, price_units, customer_id, country"


def quality(dataset: Dataset) -> pd.DataFrame:
    """Count the anomalies in the files of a dataset.

    Returns
    -------
    DataFrame
        By ``finding``: ``count``, ``unit`` (rows, invoices or customers), ``share`` of all in that unit (in the
        files, or of the known customers), ``treatment`` in words. A finding about a column that the files do not have,
        or about a rule that does not hold for them, is left out.
    """
    findings = [*_invoice_counts(dataset), *_row_counts(dataset), *_customer_counts(dataset)]
    columns = ["finding", "count", "unit", "share", "treatment"]
    return pd.DataFrame(findings, columns=columns).set_index("finding")


def quality_table(dataset: Dataset) -> Finding:
    """The anomalies in the files, as a table."""
    found, report = quality(dataset), dataset.report
    summary = (
        f"{formats.percent(report.guest_rows / report.rows)} of the rows have no customer, "
        f"{formats.percent(found['share'][_credit_notes(dataset)])} of the invoices are credit notes, and a second "
        f"export repeats {formats.percent(report.overlap_rows / report.rows)} of the rows."
    )
    table = pd.DataFrame(
        {
            "finding": found.index,
            "count": found["count"].map("{:,}".format),
            "of": found["unit"],
            "share": [formats.percent(part) for part in found["share"]],
            "treatment by Segue": found["treatment"],
        }
    )
    note = "A row can have several anomalies: a guest's invoice that a second export repeats counts as both."
    return Finding("quality", "Anomalies in the file", summary, found, table=table, note=note)


def _invoice_counts(dataset: Dataset) -> Iterator[Count]:
    """Rows and invoices by what becomes of them."""
    report, prefix = dataset.report, dataset.mapping.returns.prefix
    found = ask(
        dataset,
        f"""
        SELECT count(*) AS invoices, count(*) FILTER (is_credit) AS credits,
               coalesce(sum(lines) FILTER (is_credit), 0)::BIGINT AS credit_rows,
               count(*) FILTER (first < last) AS with_two_moments
        FROM (
            SELECT starts_with(lower(transaction_id), $prefix) AS is_credit, count(*) AS lines,
                   min(occurred_at) FILTER ({_ONCE}) AS first, max(occurred_at) FILTER ({_ONCE}) AS last
            FROM rows WHERE {USABLE} GROUP BY transaction_id
        )
        """,
        {"prefix": prefix.lower()},
    ).iloc[0]
    invoices, note = int(found["invoices"]), _credit_notes(dataset)

    def rows(name: str, number: int, treatment: str) -> Count:
        return name, number, "rows", number / report.rows, treatment

    def of_invoices(name: str, number: int, treatment: str) -> Count:
        return name, number, "invoices", number / invoices, treatment

    yield rows("Rows in the file", report.rows, f"{many(report.lines, 'row')} kept")
    yield of_invoices("Invoices in the file", invoices, f"{report.transactions:,} kept")
    yield rows("Rows without a customer (guests)", report.guest_rows, "set aside")
    yield of_invoices("Invoices without a customer (guests)", report.guest_invoices, "set aside")
    if prefix:
        yield rows(f"Rows of credit notes (invoice {prefix}…)", int(found["credit_rows"]), "kept, as returns")
    yield of_invoices(note, int(found["credits"]) if prefix else report.returns, "kept, as returns")
    if dataset.mapping.not_sales.transaction_prefixes == _ADJUSTMENTS:
        yield rows("Bad-debt adjustments (invoice A…)", report.not_sale_rows, "set aside")
    else:
        yield rows("Rows that are neither sale nor return", report.not_sale_rows, "set aside")
    if report.rejected_rows:
        yield rows("Rows that can't be used", report.rejected_rows, "rejected, as asked")
    yield rows("Rows that a second export repeats", report.overlap_rows, "second copy dropped")
    yield of_invoices("Invoices that a second export repeats", report.overlap_invoices, "second copy dropped")
    duplicates = _exact_duplicates(dataset)
    yield rows("Exact duplicates of a line, within an invoice", duplicates, "kept: a line may be repeated on purpose")
    yield of_invoices("Invoices with two timestamps", int(found["with_two_moments"]), "first timestamp used")


def _credit_notes(dataset: Dataset) -> str:
    prefix = dataset.mapping.returns.prefix
    return f"Credit notes (invoice {prefix}…)" if prefix else "Credit notes"


def _exact_duplicates(dataset: Dataset) -> int:
    """The number of rows that equal another row of their invoice in every cell, without the first row of each kind."""
    # Few rows have a double. Their hashes are found first, because hashes need much less memory than all cells.
    found = ask(
        dataset,
        f"""
        WITH hashed AS (SELECT hash({_CELLS}) AS code FROM rows WHERE {USABLE} AND {_ONCE}),
        candidates AS (SELECT code FROM hashed GROUP BY code HAVING count(*) > 1)
        SELECT coalesce(sum(copies - 1), 0)::BIGINT AS number
        FROM (
            SELECT count(*) AS copies FROM rows
            WHERE {USABLE} AND {_ONCE} AND hash({_CELLS}) IN (SELECT code FROM candidates)
            GROUP BY {_CELLS}
        )
        """,
    )
    return int(found["number"].iloc[0])


def _row_counts(dataset: Dataset) -> Iterator[Count]:
    """Rows with unusual cells."""
    report, prefix = dataset.report, dataset.mapping.returns.prefix
    found = ask(
        dataset,
        f"""
        SELECT count(*) FILTER (price_units = 0) AS free,
               count(*) FILTER (price_units = 0 AND customer_id IS NOT NULL) AS free_with_customer,
               count(*) FILTER (price_units < 0) AS below_zero,
               count(*) FILTER (price_units % 100 <> 0) AS fractions,
               count(*) FILTER (quantity < 0 AND NOT starts_with(lower(transaction_id), $prefix)) AS corrections,
               count(*) FILTER (description IS NULL) AS nameless
        FROM rows WHERE {USABLE}
        """,
        {"prefix": prefix.lower()},
    ).iloc[0]

    def rows(name: str, number: int, treatment: str) -> Count:
        return name, int(number), "rows", int(number) / report.rows, treatment

    if knows_products(dataset):
        yield rows("Stock codes that are not products", odd_rows(dataset), "kept: they are part of revenue")
    yield rows("Price 0", found["free"], "kept where the customer is known")
    yield rows("Price 0, with a customer", found["free_with_customer"], "kept")
    yield rows("Price below 0", found["below_zero"], "kept where the customer is known")
    yield rows("Price with more than two decimals", found["fractions"], "kept without rounding")
    if prefix:
        treatment = "kept where the customer is known"
        yield rows("Negative quantity outside credit notes", found["corrections"], treatment)
    if dataset.mapping.columns.description or knows_products(dataset):
        yield rows("Missing description", found["nameless"], "kept where the customer is known")


def _customer_counts(dataset: Dataset) -> Iterator[Count]:
    """Customers that are unusual."""
    found = ask(
        dataset,
        """
        SELECT count(*) FILTER (sales = 0) AS only_returned, count(*) FILTER (sold <= returned) AS without_spend,
               count(*) FILTER (first_country <> last_country) AS with_two_countries
        FROM (
            SELECT count(*) FILTER (kind = 'sale') AS sales,
                   min(country) AS first_country, max(country) AS last_country,
                   coalesce(sum(amount_units) FILTER (kind = 'sale'), 0) AS sold,
                   coalesce(sum(amount_units) FILTER (kind = 'return'), 0) AS returned
            FROM transactions GROUP BY customer_id
        )
        """,
    ).iloc[0]
    for name, number, treatment in (
        ("Customers who only returned", found["only_returned"], "in no segment"),
        ("Customers with no spend net of returns", found["without_spend"], "monetary value 0"),
        ("Customers in two countries or more", found["with_two_countries"], "kept"),
    ):
        yield name, int(number), "customers", int(number) / dataset.report.customers, treatment
