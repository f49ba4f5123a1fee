"""A customer asks to be forgotten: one command, and they are nowhere, also after a restart and another replay."""

import json
from pathlib import Path

import psycopg
from psycopg import sql

from batch.reconcile_stream import check
from data.kafka.read_to_end import read_topic
from data.postgres import progress
from models.segment_model import SegmentModel
from tests.support.commands import segue
from tests.support.local_stack import Local, local, wait_until
from tests.support.retail import small


def holds(running: Local, customer: str) -> list[str]:
    """The tables whose rows name a customer."""
    found = []
    with psycopg.connect(running.settings.database) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.columns "
            "WHERE table_schema = current_schema() AND column_name = 'customer_id'"
        ).fetchall()
        for (table,) in tables:
            query = sql.SQL("SELECT count(*) FROM {table} WHERE customer_id = %s").format(table=sql.Identifier(table))
            row = connection.execute(query, [customer]).fetchone()
            if row is not None and row[0]:
                found.append(table)
    return sorted(found)


def last_state(running: Local, customer: str) -> bytes | None:
    """The value of the customer's last record in the compacted topic."""
    topic = running.settings.topics.segments
    values = [m.value() for m in read_topic(running.settings.brokers, topic, "test") if m.key() == customer.encode()]
    assert values
    last: bytes | None = values[-1]
    return last


def test_a_forgotten_customer_is_nowhere_and_stays_away(tmp_path: Path, model: SegmentModel) -> None:
    dataset = small()
    counts = dataset.transactions["customer_id"].value_counts()
    customer, own = str(counts.index[3]), int(counts.iloc[3])
    with local(tmp_path, model) as running:
        running.replay(dataset)
        wait_until(lambda: not progress.unpublished(running.postgres))
        assert holds(running, customer) == ["customer_masks", "customers", "segment_changes", "transactions"]
        assert last_state(running, customer) is not None
        segue(tmp_path, "forget", customer, "--yes")
        assert holds(running, customer) == []
        assert last_state(running, customer) is None
        differences = check(running.settings.database, dataset, history=True)
        assert differences.differences.empty, differences.differences.to_string()
        assert (differences.forgotten, differences.missing) == (own, 0)

        running.stack.dismiss(running.worker)
        running.stack.start_worker()
        running.replay(dataset)
        assert holds(running, customer) == []
        assert check(running.settings.database, dataset).differences.empty
        status = json.loads(segue(tmp_path, "status", "--json"))
        assert status["forgotten"]["customers"] == 1
        assert status["forgotten"]["transactions"] == own
        assert status["forgotten"]["dropped"] == own
        assert status["duplicates"] == len(dataset.transactions) - own
        segue(tmp_path, "publish-snapshot")
        assert last_state(running, customer) is None
