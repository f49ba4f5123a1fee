"""The lines and the rows of a dataset as frames."""

import pandas as pd

from data.datasets.dataset import Dataset


def lines_of(dataset: Dataset) -> pd.DataFrame:
    """``transaction_id, stock_code, description, quantity, price``, one row per line, in the order of sending."""
    rows = [
        (sent.transaction_id, line.stock_code, line.description, line.quantity, line.price)
        for sent in dataset.wire_transactions()
        for line in sent.lines
    ]
    return pd.DataFrame(rows, columns=["transaction_id", "stock_code", "description", "quantity", "price"])


def kept_rows(dataset: Dataset) -> pd.DataFrame:
    """The rows that transactions were made of, with the time of their own."""
    frame: pd.DataFrame = (
        dataset.db.cursor()
        .sql(
            "SELECT transaction_id, customer_id, make_timestamptz(occurred_at) AS occurred_at, stock_code, "
            "description, quantity, price_units FROM rows WHERE left_out IS NULL ORDER BY source, row"
        )
        .to_arrow_table()
        .to_pandas()
    )
    return frame
