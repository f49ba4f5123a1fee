"""`segue doctor` on a running stack, on a broken one, and with nothing running."""

import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from confluent_kafka import Producer

from data.kafka.partitioner import partition_of
from data.postgres.database import engine
from models.segment_model import SegmentModel
from runtime.settings import Settings
from tests.support.commands import Done, tried
from tests.support.local_stack import local
from tests.support.retail import small


def doctor(folder: Path, *arguments: str, **variables: str) -> Done:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
    with patch.dict(os.environ, environment, clear=True):
        return tried(folder, "doctor", *arguments, environment=variables)


def findings(folder: Path, **variables: str) -> dict[str, list[dict[str, Any]]]:
    content = json.loads(doctor(folder, "--json", **variables).stdout)
    found: dict[str, list[dict[str, Any]]] = {}
    for each in content["findings"]:
        found.setdefault(each["check"], []).append(each)
    return found


def test_with_nothing_running_it_says_what_is_missing(tmp_path: Path) -> None:
    nowhere = {
        "SEGUE_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "SEGUE_DATABASE_URL": "postgresql://u:hush@127.0.0.1:1/d",
        "SEGUE_BATCHSIZE": "5",
    }
    done = doctor(tmp_path / "none", **nowhere)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("problem  kafka: no answer from 127.0.0.1:1") for line in lines)
    assert any(line.startswith("problem  postgres: no answer") for line in lines)
    assert "warning  settings: unknown: SEGUE_BATCHSIZE; correct the name; docs/settings.md lists all" in lines
    assert "hush" not in done.stdout + done.stderr
    assert not (tmp_path / "none").exists()


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    done = doctor(tmp_path, SEGUE_BATCH_SIZE="many")
    assert done.returncode == 1
    assert "problem  settings: SEGUE_BATCH_SIZE:" in done.stdout


def test_a_running_stack_has_no_problem_and_what_is_broken_in_it_is_one(tmp_path: Path, model: SegmentModel) -> None:
    with local(tmp_path, model) as run:
        run.replay(small())
        done = doctor(tmp_path)
        assert done.returncode == 0, done.stdout
        for check in ("python", "packages", "postgres", "schema", "roles", "rights of everyone", "lag", "log faults"):
            assert f"ok       {check}: " in done.stdout, done.stdout
        assert "recent records are where murmur2 puts them" in done.stdout
        settings = Settings(state_dir=tmp_path)
        postgres = engine(settings.database)
        with postgres.begin() as connection:
            connection.exec_driver_sql("REVOKE INSERT ON transactions FROM segue_worker")
            connection.exec_driver_sql(
                "UPDATE stream_progress SET failures = 3, failure = 'no room' WHERE partition = 0"
            )
            connection.exec_driver_sql("GRANT TEMPORARY ON DATABASE postgres TO PUBLIC")
        postgres.dispose()
        producer = Producer(settings.brokers.config)
        wrong = 1 - min(partition_of("misplaced", 4), 1)
        producer.produce(settings.changes_topic, b"{}", b"misplaced", partition=wrong)
        producer.flush()
        found = findings(tmp_path)
    assert found["roles"][0]["text"] == "lacking: segue_worker: INSERT ON transactions"
    assert found["partition 0"][0]["text"].startswith("3 failures in a row: no room")
    assert found["rights of everyone"][0]["level"] == "warning"
    assert found["partitioner"][0]["level"] == "problem"


@pytest.mark.kafka
def test_a_real_kafka_is_described(tmp_path: Path, model: SegmentModel) -> None:
    with local(tmp_path, model, broker="apache") as run:
        run.replay(small())
        found = findings(tmp_path)
    assert found["broker"][0]["level"] == "ok"
    assert found["log id"][0]["level"] == "ok"
    assert found["replication"][0]["level"] == "warning"
    topics = [each for check, each in found.items() if check.startswith("topic ")]
    assert [each["level"] for [each] in topics] == ["ok"] * len(topics)
    assert not [each for rows in found.values() for each in rows if each["level"] == "problem"]
