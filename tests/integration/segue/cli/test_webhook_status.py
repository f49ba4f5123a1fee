"""``segue webhooks status`` shows the lags that are known, and says why another is not."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from confluent_kafka import Producer
from sqlalchemy import Engine

from data.kafka.log import LogError
from data.postgres import webhooks
from runtime.brokers import Brokers
from runtime.settings import Settings
from segue.cli import webhook_commands
from services.webhooks.lag import ChangeTopics, lags
from tests.support.commands import in_process

READ = {"segue.segment-changes.v1": 7, "segue.risk-changes.v1": 3}


class SomeTopics(ChangeTopics):
    """Some topics are missing; each of the others has a number of changes to read."""

    def __init__(self, *missing: str) -> None:
        super().__init__(Brokers("127.0.0.1:1"), None)
        self._missing = missing

    def log_id(self, topic: str) -> str:
        if topic in self._missing:
            raise LogError(f"there is no topic {topic}")
        return "log"

    def changes_to_read(self, topic: str, offsets: Mapping[int, int]) -> int:
        return READ[topic]


@pytest.fixture
def both(postgres: Engine) -> Engine:
    """A webhook for each kind of changes has run."""
    webhooks.claim(postgres, "crm", "log", [0, 0], "segments")
    webhooks.claim(postgres, "mail", "log", [0], "risk")
    return postgres


def _show(both: Engine, *missing: str, as_json: bool = False) -> None:
    """Print as the command does, though some topics are missing."""
    found = lags(both, Settings().topics, ("risk", "segments"), SomeTopics(*missing))
    webhook_commands.show(webhooks.overview(both), found, as_json)


@pytest.mark.parametrize(
    ("missing", "kind", "known"),
    [
        ("segue.risk-changes.v1", "risk changes", {"crm": 7, "mail": None}),
        ("segue.segment-changes.v1", "segment changes", {"crm": None, "mail": 3}),
    ],
)
def test_a_topic_that_cannot_be_read_hides_no_lag_of_the_other_kind(
    both: Engine, capsys: pytest.CaptureFixture[str], missing: str, kind: str, known: dict[str, int | None]
) -> None:
    _show(both, missing, as_json=True)
    printed = capsys.readouterr()
    assert {row["webhook"]: row["lag"] for row in json.loads(printed.out)} == known
    assert printed.err == f"The lag of webhooks for {kind} is unknown: there is no topic {missing}\n"
    _show(both, missing)
    assert capsys.readouterr().out.count("unknown") == 1


def test_an_error_is_said_for_each_kind(both: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    _show(both)
    assert capsys.readouterr().err == ""
    _show(both, *READ)
    assert capsys.readouterr().err.count("is unknown: there is no topic") == 2


def test_the_command_counts_the_changes_that_the_broker_has(
    both: Engine, broker: str, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SEGUE_BOOTSTRAP_SERVERS", broker)
    monkeypatch.setenv("SEGUE_LOG_ID", "log")
    producer = Producer({"bootstrap.servers": broker})
    for topic, partition in (("segue.segment-changes.v1", 0), ("segue.segment-changes.v1", 1)):
        producer.produce(topic, b"{}", partition=partition)
    assert producer.flush(60) == 0
    done = in_process("webhooks", "status", "--json")
    assert {row["webhook"]: row["lag"] for row in json.loads(done.stdout)} == {"crm": 2, "mail": 0}
    assert done.stderr == ""
