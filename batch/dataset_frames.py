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


def profiles_of(dataset: Dataset, as_of: datetime) -> pd.DataFrame:
    """Profiles of all customers as of a given time, as :func:`batch.profiles.profiles_as_of` makes them.

    The transactions stay in the database, so memory grows only with the number of customers.
    """
    if as_of.tzinfo is None:
        raise ValueError(f"as_of needs a time zone: {as_of}")
    sql = f"""
        SELECT customer_id, ($as_of - max(occurred_at) FILTER (kind = 'sale')) // {MICROS_PER_DAY} AS recency_days,
               count(*) FILTER (kind = 'sale') AS frequency,
               coalesce(sum(amount_units) FILTER (kind = 'sale'), 0)::BIGINT AS gross_units,
               coalesce(sum(amount_units) FILTER (kind = 'return'), 0)::BIGINT AS returned_units,
               {moment("min(occurred_at) FILTER (kind = 'sale')")} AS first_purchase_at,
               {moment("max(occurred_at) FILTER (kind = 'sale')")} AS last_purchase_at
        FROM transactions WHERE occurred_at <= $as_of
        GROUP BY customer_id HAVING count(*) FILTER (kind = 'sale') > 0 ORDER BY customer_id
    """
    return ask(dataset, sql, {"as_of": to_micros(as_of)}).set_index("customer_id")
