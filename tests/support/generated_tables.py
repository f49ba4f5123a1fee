"""Random but consistent rows of the tables that a stream writes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine, insert

from data.postgres.model_registry import register
from data.postgres.tables import customers, metadata, segment_changes, stream_progress
from models.personas import name_segments
from models.segment_model import SegmentModel, build
from tests.support import audit_function

EVENT_TIME = datetime(2011, 6, 15, 9, 30, tzinfo=UTC)
PARTITIONS = 2
COUNTRIES = ("United Kingdom", "United Kingdom", "United Kingdom", "Germany", "France")


def a_model() -> SegmentModel:
    """Three segments: the best, the middling and the lost."""
    centroids = np.array([[1.0, -1.0, -1.0], [-1.3, 1.9, 1.5], [-0.6, 0.2, 0.1]])
    return build("net", "log1p", (4.0, 1.0, 6.0), (1.0, 1.0, 1.0), name_segments(centroids))


@dataclass(frozen=True)
class Stored:
    """The rows of the tables, as frames with the tables' own columns."""

    customers: pd.DataFrame
    changes: pd.DataFrame
    progress: pd.DataFrame


def a_stream(model: SegmentModel, number: int = 120, seed: int = 7) -> Stored:
    """Customers who moved up to eight times in the 500 days before :data:`EVENT_TIME`; every tenth has no segment."""
    rng = np.random.default_rng(seed)
    positions = [0] * PARTITIONS
    people, moves = [], []
    for customer in range(number):
        own = [] if customer % 10 == 0 else _moves(rng, model, str(10_000 + customer))
        partition = customer % PARTITIONS
        for move in own:
            positions[partition] += 1
            moves.append(move | {"partition": partition, "position": positions[partition]})
        people.append(_customer(rng, model, str(10_000 + customer), partition, own))
    progress = [_progress(model, partition, position) for partition, position in enumerate(positions)]
    return Stored(pd.DataFrame(people), pd.DataFrame(moves), pd.DataFrame(progress))


def store(engine: Engine, model: SegmentModel, stream: Stored) -> None:
    """Create the tables and fill them; the model is the champion."""
    metadata.create_all(engine)
    audit_function.create(engine)
    insert_rows(engine, model, stream)


def insert_rows(engine: Engine, model: SegmentModel, stream: Stored) -> None:
    """Fill tables that are there; the model is the champion."""
    register(engine, model)
    with engine.begin() as connection:
        for table, frame in (
            (customers, stream.customers),
            (segment_changes, stream.changes),
            (stream_progress, stream.progress),
        ):
            plain = frame.astype(object).where(frame.notna(), None)
            rows: list[dict[str, Any]] = [
                {str(name): cell for name, cell in row.items()} for row in plain.to_dict("records")
            ]
            connection.execute(insert(table), rows)


def _moves(rng: np.random.Generator, model: SegmentModel, customer: str) -> list[dict[str, Any]]:
    ids = [segment.id for segment in model.segments]
    size = int(rng.integers(1, 9))
    minutes = np.sort(rng.choice(500 * 24 * 60, size, replace=False))[::-1]
    moves: list[dict[str, Any]] = []
    for sequence, ago in enumerate(minutes.tolist(), start=1):
        before = moves[-1]["to_segment"] if moves else None
        causes = ["first_purchase"] if before is None else ["decay", "decay", "purchase", "return"]
        moves.append(
            {
                "customer_id": customer,
                "sequence": sequence,
                "from_segment": before,
                "to_segment": str(rng.choice([other for other in ids if other != before])),
                "cause": str(rng.choice(causes)),
                "effective_at": EVENT_TIME - timedelta(minutes=ago),
                "recency_days": int(rng.integers(0, 300)),
                "frequency": int(rng.integers(1, 40)),
                "monetary": round(float(rng.uniform(1, 5_000)), 3),
                "model_version": model.version,
            }
        )
    return moves


def _customer(
    rng: np.random.Generator, model: SegmentModel, customer: str, partition: int, moves: list[dict[str, Any]]
) -> dict[str, Any]:
    last = moves[-1] if moves else {"to_segment": None, "effective_at": None}
    due = EVENT_TIME + timedelta(days=int(rng.integers(1, 90))) if moves and rng.random() < 0.7 else None
    number = int(customer)
    others = [segment.id for segment in model.segments if segment.id != last["to_segment"]]
    return {
        "customer_id": customer,
        "partition": partition,
        "country": COUNTRIES[number % len(COUNTRIES)],
        "first_purchase_at": moves[0]["effective_at"] if moves else None,
        "last_purchase_at": EVENT_TIME - timedelta(minutes=number * 997 % 400_000) if moves else None,
        "last_event_at": EVENT_TIME,
        "frequency": len(moves),
        "gross": (number * 37 % 2_000 + 25) / 2 if moves else 0,
        "returned": number % 7 * 2,
        "segment": last["to_segment"],
        "segment_since": last["effective_at"],
        "sequence": len(moves),
        "model_version": model.version,
        "next_change_at": due,
        "next_segment": None if due is None else others[number // 3 % len(others)],
    }


def _progress(model: SegmentModel, partition: int, changes: int) -> dict[str, Any]:
    return {
        "partition": partition,
        "log_id": "log",
        "next_offset": 1_000,
        "epoch": 1,
        "owner": "worker",
        "event_time": EVENT_TIME + timedelta(hours=5 * partition),
        "model_version": model.version,
        "change_position": changes,
        "transactions": 900 + partition,
        "duplicates": 20 + partition,
        "late": 3 + partition,
        "dead_letters": 1 + partition,
    }
