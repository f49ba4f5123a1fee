"""A small stream that the worker's real core has applied, and the rows of the tables that follow from it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine, insert

from data.contract.change_row import ChangeRow
from data.contract.wire import Tick, Transaction
from data.postgres.model_registry import register
from data.postgres.tables import customers, metadata, model_reigns, segment_changes, stream_progress, transactions
from models.decay import NEVER
from models.segment_model import SegmentModel
from models.units import from_micros, from_money_units, money_text
from stream_app.core.columns import LONG_AGO
from tests.support import audit_function
from tests.support.in_memory_worker import InMemoryPartition, Message, run

START, NOW = datetime(2010, 1, 4, 8, 30, tzinfo=UTC), datetime(2011, 6, 15, 9, 30, tzinfo=UTC)
COUNTRIES = ("United Kingdom", "United Kingdom", "France", "EIRE")
MOMENTS = ("first_purchase_at", "last_purchase_at", "last_event_at", "segment_since", "next_change_at")


@dataclass(frozen=True)
class Lived:
    """The rows of the tables, as lists of dictionaries with the tables' own columns and Python's own types."""

    transactions: list[dict[str, Any]]
    customers: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    progress: list[dict[str, Any]]
    periods: list[dict[str, Any]]

    def frame(self, table: str) -> pd.DataFrame:
        """A table as a frame of objects."""
        return pd.DataFrame(getattr(self, table), dtype=object)


def messages(number: int = 60, seed: int = 5) -> list[Transaction]:
    """Transactions of some customers in order of time; every twentieth customer only returns goods."""
    rng = np.random.default_rng(seed)
    found = []
    minutes = int((NOW - START).total_seconds() // 60)
    for customer in range(number):
        size = int(1 + rng.geometric(0.18))
        for each, minute in enumerate(np.sort(rng.integers(0, minutes, size)).tolist()):
            back = customer % 20 == 7 or (each > 0 and rng.random() < 0.15)
            amount = int(rng.gamma(1.1, 250) * 10_000) + 10_000
            found.append(
                Transaction(
                    transaction_id=f"{'C' if back else ''}{customer:03d}{each:03d}",
                    customer_id=str(12_300 + customer),
                    occurred_at=START + timedelta(minutes=minute),
                    kind="return" if back else "sale",
                    amount=money_text(amount // (4 if back else 1)),
                    currency="GBP",
                    country=COUNTRIES[customer % len(COUNTRIES)],
                    lines=[],
                )
            )
    return sorted(found, key=lambda transaction: transaction.occurred_at)


def live(model: SegmentModel, sent: list[Transaction], now: datetime = NOW, partitions: int = 2) -> Lived:
    """Process transactions and one tick at ``now``."""
    return lived(model, [*sent, Tick(now)], partitions)


def lived(model: SegmentModel | None, messages: list[Message], partitions: int = 2) -> Lived:
    """Process everything."""
    worlds = run(model, messages, partitions)
    last: dict[tuple[str, str], Transaction] = {}
    for each in messages:
        if isinstance(each, Transaction):
            key = (each.customer_id, each.transaction_id)
            last[key] = max(last.get(key, each), each, key=lambda one: one.revision)
    return Lived(
        transactions=[_transaction(each) for each in last.values()],
        customers=[_customer(row, world) for world in worlds for row in world.profiles.values()],
        changes=[_change(row, world) for world in worlds for row in world.changes],
        progress=[_progress(world) for world in worlds],
        periods=[row for world in worlds for row in _periods(world)],
    )


def store(engine: Engine, model: SegmentModel, lived: Lived, *others: SegmentModel) -> None:
    """Create the tables and fill them; the model is the champion, and the others are registered, too."""
    metadata.create_all(engine)
    audit_function.create(engine)
    for each in (model, *others):
        register(engine, each)
    with engine.begin() as connection:
        for table, rows in (
            (transactions, lived.transactions),
            (customers, lived.customers),
            (segment_changes, lived.changes),
            (stream_progress, lived.progress),
            (model_reigns, lived.periods),
        ):
            if not rows:
                continue
            connection.execute(insert(table), rows)


def _transaction(sent: Transaction) -> dict[str, Any]:
    columns = ("transaction_id", "customer_id", "occurred_at", "kind", "amount", "country", "revision")
    return {name: getattr(sent, name) for name in columns}


def _customer(row: dict[str, Any], world: InMemoryPartition) -> dict[str, Any]:
    moments = {name: _moment(row[name]) for name in MOMENTS}
    money = {name: from_money_units(row[name]) for name in ("gross", "returned")}
    return row | moments | money | {"partition": world.partition}


def _change(row: ChangeRow, world: InMemoryPartition) -> dict[str, Any]:
    money = {name: from_money_units(getattr(row, name)) for name in ("monetary", "gross", "returned")}
    return row._asdict() | money | {"effective_at": from_micros(row.effective_at)} | {"partition": world.partition}


def _progress(world: InMemoryPartition) -> dict[str, Any]:
    return {
        "partition": world.partition,
        "log_id": "log",
        "next_offset": world.progress.next_offset,
        "epoch": 1,
        "owner": "worker",
        "event_time": _moment(world.progress.watermark),
        "model_version": world.progress.model_version,
        "model_since": _moment(world.progress.model_since),
        "late": world.late,
        "change_position": world.progress.change_position,
        "published_position": world.progress.change_position,
        "transactions": len(world.ledger),
        "revisions": world.revisions,
        "began_without_model": world.model is None,
    }


def _periods(world: InMemoryPartition) -> list[dict[str, Any]]:
    return [
        {"partition": world.partition, "model_version": version, "since": _moment(since), "until": _moment(until)}
        for version, since, until in world.periods
    ]


def _moment(micros: int) -> datetime | None:
    return None if micros in (NEVER, LONG_AGO) else from_micros(micros)
