"""What the amounts of an invoice mean if several of its rows have one, or none of them."""

from typing import NoReturn

import duckdb

from data.datasets.cells import AmbiguousError
from data.datasets.query import rows_of
from models.units import from_money_units

_EMPTY = "the cell is empty"


def apply_totals(db: duckdb.DuckDBPyConnection, amount_of: str, *, has_lines: bool) -> list[str]:
    """Decide what several amounts of an invoice mean: they add up, or each is the total, which counts once.

    Beside lines, an amount is the total of its invoice, whatever the lines add up to, unless every amount is quantity
    times price. Without lines, amounts that differ within an invoice add up.
    """
    db.execute(
        """
        CREATE TABLE totals AS
        SELECT export, transaction_id, customer_id, min(source) AS source, min(row) AS begin,
               count(amount_units) AS named, min(row) FILTER (amount_units IS NOT NULL) AS first,
               arg_min(amount_units, row) FILTER (amount_units IS NOT NULL) AS total,
               min(amount_units) < max(amount_units) AS differ,
               coalesce(count(amount_units) = count(*) AND bool_and(line_units = amount_units), false) AS of_rows
        FROM rows WHERE left_out IS NULL GROUP BY export, transaction_id, customer_id
        HAVING count(*) > 1 OR count(amount_units) = 0
        """
    )
    notes = []
    if not amount_of and not has_lines:
        several = rows_of(
            db,
            "SELECT transaction_id, named, total, count(*) OVER (), max(differ) OVER () FROM totals "
            "WHERE named > 1 AND (differ OR total <> 0) ORDER BY differ DESC, source, begin LIMIT 1",
        )
        for transaction, named, total, invoices, differ in several:
            if not differ:
                _refuse_repeated(transaction, named, total)
            amount_of = "row"
            what = "1 invoice" if invoices == 1 else f"{invoices:,} invoices"
            notes = [f"The amounts of {what} with several rows, such as {transaction}, are added up."]
    once = {"row": "false", "invoice": "true"}.get(amount_of, "NOT of_rows")
    db.execute(
        f"""
        INSERT INTO faults
        SELECT source, coalesce(first, begin), 'amount', CASE WHEN named = 0 THEN '{_EMPTY}'
            ELSE 'the rows of the invoice name different totals' END
        FROM totals WHERE named = 0 OR differ AND {once}
        """
    )
    lines = "" if has_lines else ", quantity = NULL, price_units = NULL"
    db.execute(
        f"""
        UPDATE rows SET amount_units = 0{lines} FROM totals
        WHERE rows.export = totals.export AND rows.transaction_id = totals.transaction_id
            AND rows.customer_id = totals.customer_id AND rows.row <> totals.first AND {once}
        """
    )
    db.execute("UPDATE rows SET amount_units = 0 WHERE amount_units IS NULL")
    db.execute("DROP TABLE totals")
    return notes


def _refuse_repeated(transaction: str, named: int, total: int) -> NoReturn:
    each, together = from_money_units(total), from_money_units(named * total)
    raise AmbiguousError(
        f"transaction {transaction} has {named} rows of {each:f} each: they can be parts of {together:f} "
        f"(--set money.amount_of=row) or repeat the total of {each:f} (--set money.amount_of=invoice)"
    )
