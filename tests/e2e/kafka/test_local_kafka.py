"""The local Apache Kafka keeps its log, and reports clearly what it needs to run."""

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource
from sqlalchemy import insert

from data.datasets.synthetic import generate
from data.datasets.writers import write as write_dataset
from data.kafka.log import Log, LogError, LogIdentity, UnreachableError, create_topics
from data.kafka.partitioner import partition_of
from data.postgres.database import engine
from data.postgres.tables import customers, stream_progress
from runtime.settings import Settings
from segue.local.apache.broker import ApacheBroker
from segue.local.stack import Stack, StackError
from stream_app.partitions.layout import check_layout
from tests.support.kafka_records import read, write
from tests.support.local_stack import wait_until
from tests.support.poisoned_records import FatedRecord

pytestmark = pytest.mark.kafka


def identity(settings: Settings) -> LogIdentity:
    log = Log(settings.brokers, settings.transactions_topic)
    try:
        return log.identity(settings.log_id)
    finally:
        log.close()


def test_a_log_is_the_same_after_a_stop_a_start_and_a_crash(tmp_path: Path) -> None:
    found = []
    with Stack(tmp_path, "apache"):
        settings = Settings(state_dir=tmp_path)
        create_topics(settings.brokers, settings.topics.configuration, settings.partitions)
        found.append((settings.bootstrap_servers, identity(settings)))
        write(settings.brokers, settings.transactions_topic, [FatedRecord(0, b"k", b"before the stop", "dead")])
    with Stack(tmp_path, "apache") as stack:
        stack.watch(lambda _: None)
        write(settings.brokers, settings.transactions_topic, [FatedRecord(0, b"k", b"before the crash", "dead")])
        crash(stack)
        wait_until(lambda: is_reachable(settings))
        found.append((settings.bootstrap_servers, identity(settings)))
        kept = [message.value() for message in read(settings.brokers, settings.transactions_topic)]
    assert kept == [b"before the stop", b"before the crash"]
    assert len(set(found)) == 1
    assert found[0][1].partitions == 4
    assert "/" in found[0][1].log_id


def test_topics_are_made_once_with_their_retention_and_another_number_of_partitions_is_refused(tmp_path: Path) -> None:
    with Stack(tmp_path, "apache"):
        settings = Settings(state_dir=tmp_path)
        for _ in range(2):
            create_topics(settings.brokers, settings.topics.configuration, settings.partitions)
        kept = configuration(settings, settings.transactions_topic)
        latest = configuration(settings, settings.segments_topic)
        assert (kept["cleanup.policy"], kept["retention.ms"]) == ("delete", "-1")
        assert latest["cleanup.policy"] == "compact"
        with pytest.raises(LogError, match=r"has 4 partitions and should have 6: .*docs/operations\.md"):
            create_topics(settings.brokers, settings.topics.configuration, 6)
        postgres = engine(settings.database)
        with postgres.begin() as connection:
            row = {"partition": 4, "log_id": "log", "next_offset": 1, "epoch": 1, "owner": "a worker of six partitions"}
            connection.execute(insert(stream_progress), row)
        with pytest.raises(LogError, match=r"made with another number.*docs/operations\.md"):
            check_layout(postgres, 4)
        check_layout(postgres, 6)
        moved = next(name for name in map(str, range(12_346, 13_000)) if partition_of(name, 4) != partition_of(name, 6))
        customer = {
            **{"customer_id": moved, "partition": partition_of(moved, 4), "country": "France", "model_version": "m"},
            **{"last_event_at": datetime(2011, 1, 1, tzinfo=UTC), "frequency": 0, "gross": 0, "returned": 0},
            "sequence": 0,
        }
        with postgres.begin() as connection:
            connection.execute(insert(customers), customer)
        with pytest.raises(LogError, match=r"made with another number: customers would move"):
            check_layout(postgres, 6)
        postgres.dispose()


def test_the_demo_runs_on_a_real_kafka_from_the_command_line(tmp_path: Path) -> None:
    write_dataset(generate(customers=200, days=450, seed=5), tmp_path / "shop.parquet")
    command = [sys.executable, "-m", "segue", "demo", "--once", "--json", "--broker", "apache", "shop.parquet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["transactions"] > 200
    assert (summary["differences"], summary["duplicates"], summary["dead_letters"]) == (0, 0, 0)


@pytest.mark.parametrize("lacking", ["java", "mvn"])
def test_where_java_or_maven_is_missing_one_line_reports_it(
    lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = shutil.which
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty cache"))
    monkeypatch.setattr(shutil, "which", lambda name, **how: None if name == lacking else there(name, **how))
    with (
        pytest.raises(StackError, match=r"^--broker apache needs (Java 17 or newer|Maven).*install it"),
        Stack(tmp_path, "apache"),
    ):
        pass


def is_reachable(settings: Settings) -> bool:
    try:
        identity(settings)
    except UnreachableError:
        return False
    return True


def crash(stack: Stack) -> None:
    """Kill the broker, and wait until it has been restarted."""
    broker = stack.broker
    assert isinstance(broker, ApacheBroker)
    crashed = broker.pid
    os.kill(crashed, signal.SIGKILL)
    wait_until(lambda: broker.pid != crashed and not broker.died)


def configuration(settings: Settings, topic: str) -> dict[str, str]:
    admin = AdminClient(settings.brokers.config)
    resource = ConfigResource("topic", topic)
    described = admin.describe_configs([resource])[resource].result()
    return {name: entry.value for name, entry in described.items()}
