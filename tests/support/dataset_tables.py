"""The ledger and the profiles of a whole dataset, copied into the tables at once."""

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from psycopg import Connection
from sqlalchemy import Engine

from batch.profiles import histories
from models.segment_model import SegmentModel

LEDGER = ("customer_id", "transaction_id", "occurred_at", "kind", "amount", "country")
PROFILES = ("customer_id", "first_purchase_at", "last_purchase_at", "last_event_at", "frequency", "gross", "returned")
MONEY_UNITS = 10_000


def fill(engine: Engine, transactions: pd.DataFrame, model: SegmentModel, event_time: datetime) -> None:
    """Fill the tables of a registered model; no customer has a segment, and all are in partition 0."""
    money = transactions["amount_units"].map(_money)
    counted = histories(transactions)
    amounts = {"gross": counted["gross_units"].map(_money), "returned": counted["returned_units"].map(_money)}
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, Connection)
        _copy(driver, "transactions", LEDGER, transactions.assign(amount=money))
        rest: dict[str, Any] = {"partition": 0, "country": "Nowhere", "sequence": 0, "model_version": model.version}
        _copy(driver, "customers", (*PROFILES, *rest), counted.assign(**amounts, **rest).reset_index())
        driver.execute(
            "INSERT INTO stream_progress (partition, log_id, next_offset, epoch, owner, event_time, model_version) "
            "VALUES (0, 'log', 1, 1, 'worker', %s, %s)",
            [event_time, model.version],
        )
        driver.commit()


def add_to_ledger(engine: Engine, transactions: pd.DataFrame) -> None:
    """Add rows to the ledger only."""
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, Connection)
        _copy(driver, "transactions", LEDGER, transactions.assign(amount=transactions["amount_units"].map(_money)))
        driver.commit()


def _copy(driver: "Connection[tuple[object, ...]]", table: str, columns: tuple[str, ...], rows: pd.DataFrame) -> None:
    chosen = rows[list(columns)]
    moments = {name: _texts(chosen[name]) for name in columns if isinstance(chosen[name].dtype, pd.DatetimeTZDtype)}
    content = chosen.assign(**moments).to_csv(index=False, header=False)
    with driver.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT csv)".encode()) as copy:
        copy.write(content)


def _texts(moments: pd.Series) -> pd.Series:
    """Moments in UTC as texts, empty where one is missing: pandas takes many times as long for a CSV file's moments."""
    utc = moments.dt.tz_convert(None).to_numpy().astype("datetime64[us]")
    texts = np.where(np.isnat(utc), "", np.datetime_as_string(utc, unit="us", timezone="UTC"))
    return pd.Series(texts, index=moments.index, dtype=object)


def _money(units: int) -> str:
    return f"{units // MONEY_UNITS}.{units % MONEY_UNITS:04d}"
