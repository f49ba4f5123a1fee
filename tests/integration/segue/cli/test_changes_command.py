"""``segue changes``: the last changes, those since a moment, and those from now on; and a broker that is gone."""

import json
import logging
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from data.kafka.log import Log, UnreachableError
from data.postgres.database import engine
from runtime.settings import Settings
from segue.cli.app import app
from segue.local.embedded_broker import EmbeddedBroker
from services import change_stream
from tests.support.generated_tables import a_model, a_stream, store
from tests.support.local_stack import wait_until


@pytest.fixture
def postgres(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    found = engine(migrated_url)
    store(found, a_model(), a_stream(a_model()))
    return found


def segue(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["changes", *arguments])


def changes(*arguments: str) -> list[dict[str, Any]]:
    done = segue(*arguments)
    assert done.exit_code == 0, done.output
    return [json.loads(line)["data"] for line in done.stdout.splitlines()]


def test_the_tail_is_the_latest_changes_of_all_partitions(postgres: Engine) -> None:
    everything = changes()
    latest = sorted(change["effective_at"] for change in everything)[-7:]
    assert len(everything) > 7
    assert sorted(change["effective_at"] for change in changes("--tail", "7")) == latest
    assert changes("--tail", str(10**12)) == everything
    assert changes("--tail", "0") == []


def test_a_tail_counts_only_what_matches(postgres: Engine) -> None:
    customer = changes()[0]["customer_id"]
    own = [change for change in changes() if change["customer_id"] == customer]
    assert changes("--customer", customer, "--tail", "1") == own[-1:]
    assert changes("--where", f"customer = '{customer}'", "--tail", "1") == own[-1:]


def test_changes_since_a_moment_are_those_with_a_later_event_time(postgres: Engine) -> None:
    everything = changes()
    middle = sorted(change["effective_at"] for change in everything)[len(everything) // 2]
    assert changes("--since", middle) == [change for change in everything if change["effective_at"] >= middle]


def test_from_now_on_there_is_nothing_so_far(postgres: Engine) -> None:
    refused = segue("--from", "now")
    assert refused.exit_code == 1
    assert "needs --follow" in " ".join(refused.output.split()) or "without --follow" in refused.output
    positions = change_stream.newest(Settings())
    assert list(change_stream.postgres(Settings(), False, None, positions)) == []
    assert positions


def test_a_follower_of_the_topic_ends_when_the_broker_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broker = EmbeddedBroker.start(tmp_path / "broker.log")
    monkeypatch.setenv("SEGUE_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    caplog.set_level(logging.ERROR, "librdkafka")
    log = Log(Settings().brokers, Settings().changes_topic)
    partitions = log.identity("log").partitions
    log.close()
    offsets = change_stream.newest_in_topic(Settings())
    assert len(offsets) == partitions
    seen: list[BaseException] = []

    def read() -> None:
        try:
            list(change_stream.topic(Settings(), True, offsets))
        except UnreachableError as error:
            seen.append(error)

    reader = Thread(target=read)
    reader.start()
    broker.stop()
    wait_until(lambda: bool(seen))
    reader.join()
    assert "can't reach a broker" in str(seen[0])
