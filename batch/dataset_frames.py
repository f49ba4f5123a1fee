"""What a dataset's database answers, as pandas frames: small ones, and the profiles of all customers."""

from collections.abc import Mapping
from datetime import datetime

import pandas as pd

from data.datasets.dataset import Dataset
from data.datasets.engine import plain_errors
from models.units import MICROS_PER_DAY, to_micros

#: Rows that are counted: those that could be read.
USABLE = "left_out IS DISTINCT FROM 'rejected'"


def ask(dataset: Dataset, sql: str, parameters: Mapping[str, object] | None = None) -> pd.DataFrame:
    """The result of a query; moments have the time zone UTC.

    Raises
    ------
    DataError
        If there is no space for temporary files.
    """
    with plain_errors(dataset.name):
        table = dataset.db.cursor().sql(sql, params=dict(parameters or {})).to_arrow_table()
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    for name in frame.select_dtypes("datetimetz"):
        frame[name] = frame[name].dt.tz_convert("UTC").dt.as_unit("us")
    return frame


def moment(column: str) -> str:
    """SQL for a column of microseconds as moments in UTC."""
    return f"make_timestamptz({column}::BIGINT)"


def transactions_of(dataset: Dataset, first: str, end: str | None) -> pd.DataFrame:
    """The transactions of the customers with ids from ``first`` to before ``end``, as :attr:`Dataset.transactions`."""
    sql = f"""
        SELECT transaction_id, customer_id, {moment("occurred_at")} AS occurred_at, kind, amount_units, country,
               line_count
        FROM transactions WHERE customer_id >= $first AND ($end IS NULL OR customer_id < $end) ORDER BY number
    """
    return ask(dataset, sql, {"first": first, "end": end})


def first_customers(dataset: Dataset, size: int) -> list[str]:
    """The first customer of each range of customers that have about ``size`` transactions together, in order."""
    sql = """
        SELECT min(customer_id) AS first FROM (
            SELECT customer_id, (sum(count(*)) OVER (ORDER BY customer_id) - 1) // $size AS range
            FROM transactions GROUP BY customer_id
        ) GROUP BY range ORDER BY first
    """
    return [str(first) for first in ask(dataset, sql, {"size": size})["first"]]


def orders_of(dataset: Dataset, as_of: datetime, most_customers: int) -> pd.DataFrame:
    """All transactions up to a moment of at most this many customers, those with the lowest hash of their id.

    Columns: ``customer_id, occurred_at, kind, amount_units``. The choice does not depend on what customers buy.
    """
    sql = f"""
        SELECT customer_id, {moment("occurred_at")} AS occurred_at, kind, amount_units
        FROM transactions WHERE occurred_at <= $as_of AND customer_id IN (
            SELECT customer_id FROM (SELECT DISTINCT customer_id FROM transactions WHERE occurred_at <= $as_of)
            ORDER BY md5(customer_id), customer_id LIMIT $most
        ) ORDER BY number
    """
    return ask(dataset, sql, {"as_of": to_micros(as_of), "most": most_customers})


def profiles_of(dataset: Dataset, as_of: datetime, window_days: int | None = None) -> pd.DataFrame:
    """Profiles of all customers as of a given time, as :func:`batch.profiles.profiles_as_of` makes them.

    The transactions stay in the database, so memory grows only with the number of customers.
    """
    if as_of.tzinfo is None:
        raise ValueError(f"as_of needs a time zone: {as_of}")
    counted = "" if window_days is None else " AND occurred_at > $since"
    since = {} if window_days is None else {"since": to_micros(as_of) - window_days * MICROS_PER_DAY}
    sql = f"""
        SELECT customer_id, ($as_of - max(occurred_at) FILTER (kind = 'sale')) // {MICROS_PER_DAY} AS recency_days,
               count(*) FILTER (kind = 'sale'{counted}) AS frequency,
               coalesce(sum(amount_units) FILTER (kind = 'sale'{counted}), 0)::BIGINT AS gross_units,
               coalesce(sum(amount_units) FILTER (kind = 'return'{counted}), 0)::BIGINT AS returned_units,
               {moment("min(occurred_at) FILTER (kind = 'sale')")} AS first_purchase_at,
               {moment("max(occurred_at) FILTER (kind = 'sale')")} AS last_purchase_at
        FROM transactions WHERE occurred_at <= $as_of
        GROUP BY customer_id HAVING count(*) FILTER (kind = 'sale') > 0 ORDER BY customer_id
    """
    return ask(dataset, sql, {"as_of": to_micros(as_of), **since}).set_index("customer_id")
