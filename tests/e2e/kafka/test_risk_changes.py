"""On a real Kafka: a worker is killed again and again, and every risk change is published once and in order.

``SEGUE_TEST_RISK_KILLS=20`` makes it a longer run.
"""

import os
import random
import signal
from collections import defaultdict
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from sqlalchemy import select

from data.contract.risk_events import risk_event, risk_headers
from data.contract.risk_row import RiskRow
from data.datasets.dataset import Dataset
from data.kafka.partitioner import partition_of
from data.postgres import progress
from data.postgres.tables import risk_changes, stream_progress
from models.rhythm.carried import carrying
from models.segment_model import SegmentModel
from models.units import to_micros
from tests.support.kafka_records import stored_records
from tests.support.local_stack import Local, applied, local, wait_until
from tests.support.rhythm import a_rhythm

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(3_600)]

KILLS = int(os.environ.get("SEGUE_TEST_RISK_KILLS", "4"))
MOMENTS = ("effective_at", "last_purchase_at", "next_at")


def committed(running: Local) -> dict[int, list[RiskRow]]:
    """The risk changes of every partition in Postgres, in the order of the outbox."""
    found: dict[int, list[RiskRow]] = defaultdict(list)
    query = select(risk_changes).order_by(risk_changes.c.partition, risk_changes.c.position)
    with running.postgres.connect() as connection:
        for row in connection.execute(query).mappings():
            values = {name: row[name] for name in RiskRow._fields}
            values |= {name: to_micros(values[name]) for name in MOMENTS if values[name] is not None}
            found[row["partition"]].append(RiskRow(**values))
    return found


def log_id(running: Local) -> str:
    with running.postgres.connect() as connection:
        (found,) = set(connection.execute(select(stream_progress.c.log_id)).scalars())
    return str(found)


def test_every_risk_change_is_published_once_and_in_order_however_often_the_worker_is_killed(
    medium_dataset: Dataset, medium_model: SegmentModel, tmp_path: Path
) -> None:
    total, rng = len(medium_dataset.transactions), random.Random(7)
    moments = sorted(rng.sample(range(1, total * 9 // 10), KILLS))
    model = carrying(medium_model, a_rhythm())
    # Small batches, so that a kill often finds a Kafka transaction open.
    with local(tmp_path, model, {"SEGUE_BATCH_SIZE": "50"}, broker="apache") as running:
        replay = Thread(target=running.replay, args=(medium_dataset,))
        replay.start()
        for moment in moments:
            wait_until(lambda moment=moment: applied(running) >= moment)  # type: ignore[misc]
            victim = running.worker.pid
            os.kill(victim, signal.SIGKILL)
            wait_until(
                lambda victim=victim: all(  # type: ignore[misc]
                    not row.owner.endswith(f":{victim}") for row in progress.partitions(running.postgres)
                )
            )
        replay.join()
        wait_until(lambda: not progress.unpublished(running.postgres))
        rows, log = committed(running), log_id(running)
        records = stored_records(running.settings.brokers, running.settings.topics.risk_changes)
        # The reader gets committed records only, as every client of librdkafka does by default.
        came: dict[int, list[tuple[bytes | None, bytes | None, dict[str, bytes]]]] = defaultdict(list)
        for record in records:
            came[record.partition].append((record.key, record.value, record.headers))
        assert came == {
            partition: [
                (row.customer_id.encode(), risk_event(row), dict(risk_headers(row, log))) for row in rows[partition]
            ]
            for partition in rows
        }
        assert {row.cause for own in rows.values() for row in own} >= {"first_purchase", "purchase", "silence"}
        assert all(
            partition_of(row.customer_id, len(rows)) == partition for partition, own in rows.items() for row in own
        )
        sequences: dict[str, list[int]] = defaultdict(list)
        for record in records:
            data = msgspec.json.decode(record.value or b"")["data"]
            sequences[data["customer_id"]].append(data["sequence"])
        assert all(own == list(range(1, len(own) + 1)) for own in sequences.values())
