"""Canonical rows from parsed ones: what an invoice says once is known to all its rows, and each row has its amount.

A row is faulty if it can't be used as it is; :mod:`data.datasets.rejects` decides what becomes of its invoice.
"""

from collections.abc import Sequence

import duckdb

from data.contract.bounds import MAX_MONEY
from data.contract.wire import UNSPECIFIED
from data.datasets.mapping import Mapping
from data.datasets.query import count, one
from data.datasets.refunds import add_refunds
from data.datasets.totals import apply_totals
from models.units import MONEY_UNITS

# One row per row of the files, in their order. Amounts are None without such a column. ``fault`` is the canonical
# column of the first cell that can't be read, and ``reason`` says why.
PARSED = """
CREATE TABLE parsed (
    source INTEGER, row BIGINT, export INTEGER, transaction_id VARCHAR, customer_id VARCHAR, occurred_at BIGINT,
    stock_code VARCHAR, description VARCHAR, quantity BIGINT, price_units BIGINT, amount_units BIGINT, country VARCHAR,
    kind VARCHAR, status VARCHAR, cancelled VARCHAR, currency VARCHAR, refund_units BIGINT,
    fault VARCHAR, reason VARCHAR
)
"""

_EMPTY = "the cell is empty"
_MAX_UNITS = MAX_MONEY * MONEY_UNITS

# What an invoice says once, perhaps on its first row only: the value that holds for its other rows.
_FILLED = {
    "customer_id": "min(customer_id)",
    "occurred_at": "min(occurred_at)",
    "country": "arg_min(country, row)",
    "kind": "arg_min(kind, row)",
    "status": "arg_min(status, row)",
    "cancelled": "min(cancelled)",
}


def build(db: duckdb.DuckDBPyConnection, mapping: Mapping, *, has_lines: bool, has_amounts: bool) -> list[str]:
    """Make the tables ``rows`` and ``faults`` from ``parsed``; returns notes.

    Parameters
    ----------
    has_lines
        Whether the rows have a quantity and a price.
    has_amounts
        Whether the rows have an amount: of a row or, beside a quantity and a price, of the whole invoice.

    Raises
    ------
    AmbiguousError
        If equal amounts of an invoice may be parts of its total or repeat it.
    """
    fillable = list(_FILLED) if mapping.rows.repeat_blank else ["customer_id"]
    filled = [name for name in _partly_blank(db, fillable) if _fill(db, name)]
    _make_rows(db, mapping, filled, has_lines=has_lines, has_amounts=has_amounts)
    for name in filled:
        db.execute(f"DROP TABLE fill_{name}")
    notes = apply_totals(db, mapping.money.amount_of, has_lines=has_lines) if has_amounts else []
    if mapping.columns.refund:
        add_refunds(db)
    if has_amounts:
        db.execute("ALTER TABLE rows DROP COLUMN line_units")
    return notes


def _partly_blank(db: duckdb.DuckDBPyConnection, names: Sequence[str]) -> list[str]:
    """The columns of ``parsed`` that have blank cells as well as values."""
    asked = [f"count(*) FILTER ({name} IS NULL AND reason IS NULL) > 0 AND count({name}) > 0" for name in names]
    found = one(db, f"SELECT {', '.join(asked)} FROM parsed")
    return [name for name, is_partly_blank in zip(names, found, strict=True) if is_partly_blank]


def _fill(db: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Make a table of the values for blank cells of a column; False if there are none."""
    db.execute(
        f"""
        CREATE TABLE fill_{name} AS
        SELECT export, transaction_id, {_FILLED[name]} AS value, min({name}) <> max({name}) AS is_ambiguous
        FROM parsed
        WHERE {name} IS NOT NULL AND (export, transaction_id) IN (
            SELECT (export, transaction_id) FROM parsed WHERE {name} IS NULL AND transaction_id IS NOT NULL
        )
        GROUP BY ALL
        """
    )
    if count(db, f"SELECT count(*) FROM fill_{name}"):
        return True
    db.execute(f"DROP TABLE fill_{name}")
    return False


def _make_rows(
    db: duckdb.DuckDBPyConnection, mapping: Mapping, filled: Sequence[str], *, has_lines: bool, has_amounts: bool
) -> None:
    value = {name: f"coalesce(parsed.{name}, fill_{name}.value)" if name in filled else name for name in _FILLED}
    joins = " ".join(
        f"LEFT JOIN fill_{name} ON fill_{name}.export = parsed.export "
        f"AND fill_{name}.transaction_id = parsed.transaction_id"
        for name in filled
    )
    line_units = "quantity::HUGEINT * price_units" if has_lines else "NULL::HUGEINT"
    faults = ["WHEN reason IS NOT NULL THEN struct_pack(fault := fault, reason := reason)"]
    if "customer_id" in filled:
        faults.append(
            _fault(
                "customer_id IS NULL AND is_ambiguous",
                "customer",
                "the cell is empty, and the invoice has several customers",
            )
        )
    faults.append(_fault("transaction_id IS NULL", "transaction", _EMPTY))
    faults.append(_fault("moment IS NULL", "time", _EMPTY))
    if has_lines:
        blank = "quantity IS NULL AND price_units IS NULL" if has_amounts else "false"
        faults.append(_fault(f"quantity IS NULL AND NOT ({blank})", "quantity", _EMPTY))
        faults.append(_fault(f"price_units IS NULL AND NOT ({blank})", "price", _EMPTY))
        # A return has one minus: minus one piece at minus ten would be a sale of ten.
        faults.append(
            _fault("quantity < 0 AND price_units < 0", "price", "the quantity and the price are both negative")
        )
        faults.append(
            _fault(f"abs(line_units) >= {_MAX_UNITS}", "price", "quantity times price is too large an amount")
        )
    ambiguous = "coalesce(fill_customer_id.is_ambiguous, false)" if "customer_id" in filled else "false"
    # An amount without lines is a line of its own.
    quantity = "quantity" if has_lines else "CASE WHEN amount_units < 0 THEN -1 WHEN amount_units >= 0 THEN 1 END"
    price = "price_units" if has_lines else "abs(amount_units)"
    amount = "amount_units" if has_amounts else "line_units"
    line_units_column = "line_units," if has_amounts else ""
    refund_column = "refund_units," if mapping.columns.refund else ""
    not_sale, parameters = _not_sale(mapping)
    parameters |= {"prefix": mapping.returns.prefix.lower(), "return_kinds": _folded(mapping.returns.kinds)}
    db.execute(
        f"""
        CREATE TABLE rows AS
        WITH known AS (
            SELECT parsed.* EXCLUDE ({", ".join(_FILLED)}),
                   parsed.customer_id, {ambiguous} AS is_ambiguous,
                   {value["customer_id"]} AS customer, {value["occurred_at"]} AS moment,
                   {value["country"]} AS land, {value["kind"]} AS sort, {value["status"]} AS state,
                   {value["cancelled"]} AS cancellation
            FROM parsed {joins}
        ), measured AS (SELECT *, {line_units} AS line_units FROM known),
        judged AS (
            SELECT *,
                coalesce({not_sale}, false) AS not_sale,
                $prefix <> '' AND coalesce(starts_with(lower(transaction_id), $prefix), false) AS has_prefix,
                CASE WHEN len($return_kinds::VARCHAR[]) = 0 OR sort IS NULL THEN NULL
                     ELSE list_contains($return_kinds::VARCHAR[], lower(trim(sort))) END AS is_return_kind,
                CASE {" ".join(faults)} END AS problem
            FROM measured
        )
        SELECT source, row, export, transaction_id, customer AS customer_id, moment AS occurred_at,
               coalesce(stock_code, '') AS stock_code, description,
               ({quantity})::BIGINT AS quantity, ({price})::BIGINT AS price_units,
               TRY_CAST({amount} AS BIGINT) AS amount_units,
               coalesce(land, $unspecified) AS country,
               CASE WHEN customer IS NULL THEN 'guest' WHEN not_sale THEN 'not a sale' END AS left_out,
               not_sale, has_prefix, is_return_kind, {line_units_column} {refund_column}
               CASE WHEN NOT not_sale THEN problem.fault END AS fault,
               CASE WHEN NOT not_sale THEN problem.reason END AS reason
        FROM judged
        """,
        parameters | {"unspecified": UNSPECIFIED},
    )
    db.execute("CREATE TABLE faults AS SELECT source, row, fault, reason FROM rows WHERE reason IS NOT NULL")
    db.execute("ALTER TABLE rows DROP COLUMN fault")
    db.execute("ALTER TABLE rows DROP COLUMN reason")


def _not_sale(mapping: Mapping) -> tuple[str, dict[str, object]]:
    """The condition for a row that is neither sale nor return, and its parameters. A blank cell meets no condition."""
    rules = mapping.not_sales
    listed = {
        "trim(stock_code)": rules.stock_codes,
        "trim(sort)": rules.kinds,
        "trim(state)": rules.statuses,
        "customer": rules.customers,
    }
    parameters: dict[str, object] = {}
    conditions = ["cancellation IS NOT NULL"]
    for number, prefix in enumerate(rules.transaction_prefixes):
        parameters[f"prefix_{number}"] = prefix
        conditions.append(f"coalesce(starts_with(transaction_id, $prefix_{number}), false)")
    for number, (column, texts) in enumerate(listed.items()):
        if texts:
            parameters[f"texts_{number}"] = _folded(texts)
            conditions.append(f"coalesce(list_contains($texts_{number}::VARCHAR[], lower({column})), false)")
    return " OR ".join(conditions), parameters


def _fault(condition: str, column: str, reason: str) -> str:
    return f"WHEN {condition} THEN struct_pack(fault := '{column}', reason := '{reason}')"


def _folded(texts: Sequence[str]) -> list[str]:
    return [text.strip().lower() for text in texts]
