"""The rows of risk states that a stream leaves behind, computed order by order, in the tables."""

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine, insert

from batch.risk_history import expected_risk_changes
from batch.risk_moments import risk_moments
from data.postgres.tables import risk_changes, risk_states
from models.rhythm.rhythm_model import RhythmModel
from models.rhythm.seasonal_clock import NEVER
from models.units import from_micros, to_micros
from tests.support.processed_stream import NOW, Lived
from tests.support.rhythm import a_rhythm, store_predictions

_MOMENTS = ("effective_at", "last_purchase_at", "next_at")
Rows = list[dict[str, Any]]


def store_predicted_risks(postgres: Engine, lived: Lived) -> Rows:
    """Let the stored models carry predictions, and store the risk states that follow; returns the rows of changes."""
    store_predictions(postgres)
    return store_risks(postgres, lived, NOW)


def store_risks(postgres: Engine, lived: Lived, now: datetime) -> Rows:
    """Store the risk states under :func:`tests.support.rhythm.a_rhythm` at a watermark; returns the rows of changes."""
    changes = _changes(lived, a_rhythm(), now)
    last = {row["customer_id"]: row for row in changes}
    with postgres.begin() as connection:
        connection.execute(insert(risk_changes), changes)
        connection.execute(insert(risk_states), [_state(lived, row, now) for row in last.values()])
    return changes


def _changes(lived: Lived, rhythm: RhythmModel, until: datetime) -> Rows:
    sales = pd.DataFrame([row for row in lived.transactions if row["kind"] == "sale"])
    orders = sales.assign(moment=sales["occurred_at"].map(to_micros))
    partition_by_customer = {row["customer_id"]: row["partition"] for row in lived.customers}
    found = expected_risk_changes(orders, pd.Series(to_micros(until), pd.Index(list(partition_by_customer))), rhythm)
    positions = dict.fromkeys(partition_by_customer.values(), 0)
    rows: Rows = []
    for row in found.to_dict("records"):
        partition = partition_by_customer[row["customer_id"]]
        positions[partition] += 1
        moments = {name: None if row[name] is None else from_micros(row[name]) for name in _MOMENTS}
        place = {"partition": partition, "position": positions[partition], "rhythm_version": rhythm.version}
        rows.append({str(name): value for name, value in row.items()} | moments | place)
    return rows


def _state(lived: Lived, last: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The row of a customer after the last change; orders that changed nothing since then have moved the next one."""
    customer = next(row for row in lived.customers if row["customer_id"] == last["customer_id"])
    first, bought = (np.array([to_micros(customer[f"{name}_purchase_at"])]) for name in ("first", "last"))
    ahead = risk_moments(a_rhythm(), first, bought, np.array([customer["frequency"]]))
    coming = [moment for moment in ahead[0].tolist() if to_micros(now) < moment < NEVER]
    return {name: last[name] for name in ("customer_id", "partition", "sequence", "rhythm_version")} | {
        "state": last["to_state"],
        "since": last["effective_at"],
        "next_at": from_micros(min(coming)) if coming else None,
    }
