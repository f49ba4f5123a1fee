"""``segue webhooks status`` shows the lags that are known, and says why another is not."""

import json
from collections.abc import Mapping

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from data.kafka.log import LogError
from data.postgres import webhooks
from runtime.brokers import Brokers
from segue.cli.app import app
from services.webhooks import lag

READ = {"segue.segment-changes.v1": 7, "segue.risk-changes.v1": 3}


@pytest.fixture
def both(postgres: Engine, migrated_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """A webhook for each kind of changes has run."""
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SEGUE_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    webhooks.claim(postgres, "crm", "log", [0, 0], "segments")
    webhooks.claim(postgres, "mail", "log", [0], "risk")


def _status(*arguments: str) -> Result:
    done = CliRunner().invoke(app, ["webhooks", "status", *arguments])
    assert done.exit_code == 0, done.exception
    return done


def _without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """Let some topics be missing; each of the others has a number of changes to read."""

    def topic_id(brokers: Brokers, topic: str, log_id: str | None) -> str:
        if topic in missing:
            raise LogError(f"there is no topic {topic}")
        return "log"

    def changes_to_read(brokers: Brokers, topic: str, offsets: Mapping[int, int]) -> int:
        return READ[topic]

    monkeypatch.setattr(lag, "topic_id", topic_id)
    monkeypatch.setattr(lag, "changes_to_read", changes_to_read)


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize(
    ("missing", "kind", "known"),
    [
        ("segue.risk-changes.v1", "risk changes", {"crm": 7, "mail": None}),
        ("segue.segment-changes.v1", "segment changes", {"crm": None, "mail": 3}),
    ],
)
def test_a_topic_that_cannot_be_read_hides_no_lag_of_the_other_kind(
    monkeypatch: pytest.MonkeyPatch, missing: str, kind: str, known: dict[str, int | None]
) -> None:
    _without(monkeypatch, missing)
    done = _status("--json")
    assert {row["webhook"]: row["lag"] for row in json.loads(done.stdout)} == known
    assert done.stderr == f"The lag of webhooks for {kind} is unknown: there is no topic {missing}\n"
    assert _status().stdout.count("unknown") == 1


@pytest.mark.usefixtures("both")
def test_an_error_is_said_for_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch)
    assert _status().stderr == ""
    _without(monkeypatch, *READ)
    assert _status().stderr.count("is unknown: there is no topic") == 2
