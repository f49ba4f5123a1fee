"""The documented way to more partitions: a second stream replaces the first, and subscribers see no change twice."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from data.kafka.partitioner import partition_of
from data.postgres import progress
from data.postgres.database import engine
from runtime.settings import Settings
from segue.local.stack import Stack
from services import change_stream
from tests.support.commands import segue
from tests.support.local_stack import wait_until

pytestmark = pytest.mark.kafka

MORE = 6
# The second stream has names of its own, as in docs/operations.md.
ANEW = {
    "SEGUE_TRANSACTIONS_TOPIC": "segue.transactions.six",
    "SEGUE_CHANGES_TOPIC": "segue.segment-changes.six",
    "SEGUE_SEGMENTS_TOPIC": "segue.customer-segments.six",
    "SEGUE_DEAD_LETTERS_TOPIC": "segue.transactions.dlq.six",
    "SEGUE_DRIFT_TOPIC": "segue.drift.six",
    "SEGUE_CAMPAIGNS_TOPIC": "segue.campaigns.six",
    "SEGUE_RISK_CHANGES_TOPIC": "segue.risk-changes.six",
    "SEGUE_CONSUMER_GROUP": "segue-six",
    "SEGUE_PARTITIONS": str(MORE),
}
History = dict[str, list[dict[str, Any]]]


def test_a_second_stream_with_more_partitions_has_the_same_changes_with_the_same_ids(tmp_path: Path) -> None:
    shop = tmp_path / "shop.csv"
    with Stack(tmp_path, "apache") as stack:
        segue(tmp_path, "data", "generate", str(shop), "--customers", "200", "--days", "400")
        before = built(stack, shop, {})
        after = built(stack, shop, ANEW | {"SEGUE_DATABASE_URL": new_database(stack)})
    assert len(before) > 100
    assert after == before
    assert any(partition_of(customer, 4) != partition_of(customer, MORE) for customer in before)


def built(stack: Stack, shop: Path, environment: dict[str, str]) -> History:
    """Take the documented steps; returns the changes of every customer as subscribers read them."""
    folder = stack.state_dir
    segue(folder, "migrate", environment=environment)
    segue(folder, "fit", str(shop), environment=environment)
    stack.start_worker(environment)
    segue(folder, "replay", str(shop), "--speed", "max", environment=environment)
    segue(folder, "reconcile", str(shop), environment=environment)
    names = {name.removeprefix("SEGUE_").lower(): value for name, value in environment.items()}
    settings = Settings(state_dir=folder, **names)  # type: ignore[arg-type]
    postgres = engine(settings.database)
    wait_until(lambda: not progress.unpublished(postgres))
    assert len(progress.partitions(postgres)) == settings.partitions
    postgres.dispose()
    changes: History = defaultdict(list)
    for event in map(json.loads, change_stream.topic(settings, follow=False)):
        changes[event["subject"]].append({"id": event["id"], **event["data"]})
    return changes


def new_database(stack: Stack) -> str:
    """The owner's URL of a second database."""
    with psycopg.connect(stack.settings["database_url"], autocommit=True) as connection:
        connection.execute("CREATE DATABASE six")
    return make_url(stack.settings["database_url"]).set(database="six").render_as_string(hide_password=False)
