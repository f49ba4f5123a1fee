"""Datasets from rows that are already parsed, and the rows of a dataset, as pandas frames."""

from contextlib import ExitStack

import pandas as pd
import pyarrow as pa

from data.datasets import presets
from data.datasets.assemble import assemble
from data.datasets.dataset import Dataset
from data.datasets.engine import Engine, plain_errors
from data.datasets.reading import DEFAULT_CURRENCY
from data.datasets.rejects import Place
from data.datasets.rows import PARSED


def clean(raw: pd.DataFrame, name: str, currency: str = DEFAULT_CURRENCY) -> Dataset:
    """A dataset of parsed rows, by the rules of Online Retail II.

    Parameters
    ----------
    raw
        ``invoice, stock_code, description, quantity, occurred_at`` (UTC), ``price_units, customer`` (missing for
        guests), ``country, export, row``.

    Raises
    ------
    DataError
        If an invoice can't be used, or no transaction is left.
    """
    mapping = presets.preset("online-retail-ii")
    with ExitStack() as closing:
        engine = closing.enter_context(Engine())
        with plain_errors(name):
            engine.db.execute(PARSED)
            engine.db.register("raw", _table(raw))
            engine.db.execute("INSERT INTO parsed BY NAME SELECT * FROM raw")
            engine.db.unregister("raw")
            places = [Place(None, name, {})]
            report, notes = assemble(engine, name, mapping, places=places, has_lines=True, has_amounts=False)
        closing.pop_all()
    return Dataset(name, engine, report, mapping, currency, notes, places=places)


def frame(source: Dataset) -> pd.DataFrame:
    """The rows of a dataset that were not rejected, in the columns of :func:`clean`."""
    table: pd.DataFrame = (
        source.db.cursor()
        .sql(
            "SELECT transaction_id AS invoice, stock_code, description, quantity, "
            "make_timestamptz(occurred_at) AS occurred_at, price_units, customer_id AS customer, country, export, row "
            "FROM rows WHERE left_out IS DISTINCT FROM 'rejected' AND quantity IS NOT NULL ORDER BY source, row"
        )
        .to_arrow_table()
        .to_pandas()
    )
    table["occurred_at"] = table["occurred_at"].dt.tz_convert("UTC").dt.as_unit("us")
    return table.astype({"export": "int64"})


def _table(raw: pd.DataFrame) -> pa.Table:
    named = {"invoice": "transaction_id", "customer": "customer_id"}
    copied = ("stock_code", "description", "quantity", "price_units", "country", "export", "row")
    columns = {name: pa.Array.from_pandas(raw[name]) for name in copied}
    columns |= {new: pa.Array.from_pandas(raw[old]) for old, new in named.items()}
    columns["occurred_at"] = pa.array(raw["occurred_at"].astype("int64").to_numpy())
    columns["source"] = pa.array([0] * len(raw), pa.int32())
    return pa.table(columns)
