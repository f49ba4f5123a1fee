from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import insert, text

from batch.reconcile import reconcile
from data.postgres import tables
from data.postgres.database import engine
from data.postgres.frames import MOMENT
from data.postgres.stream_state import read_stream_state
from models.personas import name_segments
from models.segment_model import build

MODEL = build("net", "log1p", (3.0, 1.0, 5.0), (1.0, 1.0, 1.0), name_segments(np.array([[-1.0, 1, 1], [1, -1, -1]])))
SALE_AT = datetime(2011, 3, 27, 1, 30, 0, 123_456, tzinfo=UTC)
RETURN_AT = datetime(2011, 10, 30, 1, 30, 0, 999_999, tzinfo=UTC)
# The largest amount that the tables can store; a float would lose its last digits.
AMOUNT = Decimal("12345678901234.5679")

TRANSACTION: dict[str, Any] = {
    "customer_id": "17850",
    "transaction_id": "536365",
    "occurred_at": SALE_AT,
    "kind": "sale",
    "amount": AMOUNT,
    "country": "France",
}
CUSTOMER: dict[str, Any] = {
    "customer_id": "17850",
    "partition": 2,
    "country": "France",
    "first_purchase_at": SALE_AT,
    "last_purchase_at": SALE_AT,
    "last_event_at": RETURN_AT,
    "frequency": 1,
    "gross": AMOUNT,
    "returned": Decimal("0.0001"),
    "segment": "loyal",
    "segment_since": SALE_AT,
    "sequence": 1,
    "model_version": MODEL.version,
    "next_change_at": None,
    "next_segment": None,
}
CHANGE: dict[str, Any] = {
    "customer_id": "17850",
    "sequence": 1,
    "partition": 2,
    "position": 1,
    "from_segment": None,
    "to_segment": "loyal",
    "cause": "first_purchase",
    "effective_at": SALE_AT,
    "recency_days": 0,
    "frequency": 1,
    "monetary": AMOUNT,
    "model_version": MODEL.version,
    "transaction_id": "536365",
}
PROGRESS: dict[str, Any] = {"partition": 2, "log_id": "log", "next_offset": 1, "epoch": 1, "owner": "worker"}


@pytest.fixture
def stored(migrated_url: str) -> str:
    """A database with one row in each table and a remote time zone."""
    source = engine(migrated_url)
    with source.begin() as connection:
        connection.execute(insert(tables.transactions), TRANSACTION)
        connection.execute(insert(tables.customers), CUSTOMER)
        connection.execute(insert(tables.segment_changes), CHANGE)
        connection.execute(insert(tables.stream_progress), PROGRESS)
        connection.execute(text(f"ALTER DATABASE \"{source.url.database}\" SET timezone TO 'Asia/Kolkata'"))
    source.dispose()
    return migrated_url


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(dtype) for name, dtype in frame.dtypes.items()}


def test_money_and_moments_are_exact(stored: str) -> None:
    state = read_stream_state(stored)
    units = 123_456_789_012_345_679
    [customer] = state.customers.to_dict("records")
    assert (customer["gross_units"], customer["returned_units"]) == (units, 1)
    assert customer["first_purchase_at"] == customer["segment_since"] == SALE_AT
    assert customer["last_event_at"] == RETURN_AT
    assert pd.isna(customer["next_change_at"])
    assert pd.isna(customer["next_segment"])
    [transaction] = state.transactions.to_dict("records")
    assert transaction == {
        "customer_id": "17850",
        "transaction_id": "536365",
        "occurred_at": pd.Timestamp(SALE_AT),
        "kind": "sale",
        "amount_units": units,
        "country": "France",
        "revision": 0,
    }
    assert state.changes["monetary_units"].tolist() == [units]
    assert state.progress["partition"].tolist() == [2]
    assert state.progress["event_time"].isna().tolist() == [True]


def test_dtypes_do_not_depend_on_the_rows(stored: str) -> None:
    full = read_stream_state(stored)
    assert full.model_versions == {MODEL.version}
    source = engine(stored)
    with source.begin() as connection:
        for table in (tables.transactions, tables.customers, tables.segment_changes, tables.stream_progress):
            connection.execute(table.delete())
    source.dispose()
    empty = read_stream_state(stored)
    for part in ("customers", "transactions", "changes", "progress"):
        assert len(getattr(empty, part)) == 0
        assert dtypes(getattr(empty, part)) == dtypes(getattr(full, part))
    assert full.customers["next_change_at"].dtype == MOMENT
    assert str(full.customers["next_segment"].dtype) == "str"


def test_the_state_can_be_reconciled(stored: str) -> None:
    rows = [
        {"transaction_id": "536365", "customer_id": "17850", "occurred_at": SALE_AT, "kind": "sale", "amount_units": 1},
        {"transaction_id": "C1", "customer_id": "17850", "occurred_at": RETURN_AT, "kind": "return", "amount_units": 1},
    ]
    dataset = pd.DataFrame(rows).astype({"occurred_at": MOMENT})
    found = reconcile(dataset, read_stream_state(stored), {MODEL.version: MODEL})
    # Before the first tick no customer is expected, so that every stored one is a difference.
    assert {"536365 amount_units", "gross_units", "returned_units", "last_event_at"} <= set(found["field"])
    assert "C1" not in set(found["field"])


@pytest.mark.parametrize("url", ["mysql://u:secret@h/d", "sqlite:///x", ""])
def test_the_url_of_another_database_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="must begin with postgresql://") as refusal:
        engine(url)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_postgres_scheme_uses_psycopg(scheme: str) -> None:
    assert engine(f"{scheme}://segue@localhost/segue").url.drivername == "postgresql+psycopg"
