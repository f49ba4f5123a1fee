"""What commands do is recorded, and `segue audit` shows it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, insert, text
from typer.testing import CliRunner, Result

from data.postgres import audit, model_registry, replay_control
from data.postgres.replay_control import Heartbeat
from data.postgres.tables import dead_letters, log_faults, stream_progress
from segue.cli.app import app
from tests.support.generated_tables import a_model

Run = Callable[..., Result]
LETTERS = [
    {"log_id": "log", "partition": 0, "offset": offset, "reason": "customer 12347 is bad"} for offset in (1, 2, 3)
]


@pytest.fixture
def segue(postgres: Engine, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a database in which every kind of object is."""
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    with postgres.begin() as connection:
        connection.execute(insert(dead_letters), LETTERS)
        fault = {"log_id": "log", "partition": 0, "kind": "deleted", "first_offset": 0, "end_offset": 9}
        connection.execute(insert(log_faults).values(fault))
        claimed = {"partition": 0, "log_id": "log", "next_offset": 4, "epoch": 1, "owner": "worker", "failures": 3}
        connection.execute(insert(stream_progress).values(claimed))
    replay_control.begin(postgres, "shop", Heartbeat("running", datetime(2010, 1, 1, tzinfo=UTC), 0, 1, 0, 1.0))
    with postgres.begin() as connection:
        connection.execute(text("UPDATE replay_control SET heartbeat_at = now() + interval '1 hour'"))
    return lambda *arguments: CliRunner().invoke(app, [*arguments])


def test_every_command_that_only_needs_postgres_is_recorded(segue: Run, postgres: Engine, tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    file.write_bytes(msgspec.json.encode(a_model()))
    version = a_model().version
    key_id = segue("keys", "create", "till", "--read").stdout.split("_")[1]
    expected: list[tuple[str, str, dict[str, Any]]] = [
        ("keys create", "till", {"scopes": ["read"], "key_id": key_id}),
    ]
    for command, object_, detail in (
        (["keys", "revoke", key_id], key_id, {}),
        (["control", "pause"], "the running replay", {"datasets": ["shop"]}),
        (["control", "resume"], "the running replay", {"datasets": ["shop"]}),
        (["control", "speed", "7d/s"], "the running replay", {"speed": "7d/s", "datasets": ["shop"]}),
        (["skip", "0", "7", "--reason", "why", "--force"], "0:7", {"force": True}),
        (["faults", "resolve", "--all"], "all", {"resolved": 1}),
        (["dlq", "discard", "0:1", "0:2", "--why", "test"], "0:1 0:2", {"discarded": 2}),
        (
            ["dlq", "discard", "--reason", "12347", "--why", "test"],
            "all that wait",
            {"by_reason": True, "discarded": 1},
        ),
        (["models", "import", str(file)], version, {}),
    ):
        result = segue(*command)
        assert result.exit_code == 0, result.output
        expected.append((" ".join(each for each in command[:2] if each not in ("0",)), object_, detail))
    found = audit.acts(postgres, 100)[::-1]
    assert [(act.act, act.object, act.detail) for act in found] == expected
    assert {(act.role, act.outcome) for act in found} == {("command line", "done")}
    assert all("@" in act.subject for act in found)
    assert "12347" not in json.dumps([act.detail for act in found])


def test_the_secret_of_a_key_that_is_given_in_place_of_its_id_is_not_recorded(segue: Run, postgres: Engine) -> None:
    key = segue("keys", "create", "till", "--read").stdout.strip()
    assert segue("keys", "revoke", key).exit_code != 0
    [act] = audit.acts(postgres, 1, act="keys revoke")
    assert (act.object, act.outcome) == (key.split("_")[1], "failed")


def test_pruning_is_recorded_with_its_counts_and_a_dry_run_is_not(
    segue: Run, postgres: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_AUDIT_RETENTION", "30d")
    segue("keys", "create", "till", "--read")
    with postgres.begin() as connection:
        connection.execute(text("UPDATE audit SET at = now() - interval '31 days'"))
    assert "audit: 2 would be deleted" in segue("prune", "--dry-run").output
    assert "audit: 2 deleted" in segue("prune").output
    [act] = audit.acts(postgres, 100)
    assert (act.act, act.outcome) == ("prune", "done")
    assert act.detail["kept_for"] == {"changes": None, "dead_letters": None, "acts": "2592000 s"}
    assert act.detail["deleted"] == {"changes": None, "dead_letters": None, "acts": 2}


def test_a_command_that_fails_is_recorded_as_failed(segue: Run, postgres: Engine) -> None:
    assert segue("keys", "revoke", "nobody").exit_code == 1
    [act] = audit.acts(postgres, 100)
    assert (act.act, act.object, act.outcome, act.detail) == (
        "keys revoke",
        "nobody",
        "failed",
        {"error": "NotFoundError"},
    )


def test_a_command_that_cannot_be_recorded_does_nothing(segue: Run, postgres: Engine) -> None:
    with postgres.begin() as connection:
        connection.execute(text("ALTER TABLE audit RENAME TO elsewhere"))
    for command in (
        ["keys", "create", "till", "--read"],
        ["dlq", "discard", "--all", "--why", "x"],
        ["control", "pause"],
    ):
        assert segue(*command).exit_code == 1
    with postgres.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM api_keys")).scalar_one() == 0
        assert connection.execute(text("SELECT count(discarded_at) FROM dead_letters")).scalar_one() == 0
        assert not connection.execute(text("SELECT bool_or(wanted_paused) FROM replay_control")).scalar_one()


def test_the_first_champion_is_recorded(segue: Run, postgres: Engine) -> None:
    with postgres.begin() as connection:
        connection.execute(text("DELETE FROM stream_progress"))
    model_registry.register(postgres, a_model())
    result = segue("models", "activate", a_model().version)
    assert "No worker has started yet" in result.output
    assert audit.acts(postgres, 1)[0].act == "models activate"


def test_the_list_is_a_table_or_json_and_is_filtered(segue: Run, postgres: Engine) -> None:
    assert "Nothing has been recorded yet" in segue("audit").output
    segue("keys", "create", "till", "--read")
    segue("control", "pause")
    listed = segue("audit").output
    assert "keys create" in listed
    assert "control pause" in listed
    [act] = json.loads(segue("audit", "--act", "keys", "--json").stdout)
    assert (act["act"], act["object"], act["outcome"]) == ("keys create", "till", "done")
    assert "secret" not in act["detail"]
    assert [each["act"] for each in json.loads(segue("audit", "--who", act["subject"], "--json").stdout)] == [
        "control pause",
        "keys create",
    ]
    assert "Nothing recorded fits" in segue("audit", "--who", "nobody").output
    assert "Nothing recorded fits" in segue("audit", "--since", "2999-01-01").output
    assert segue("audit", "--since", "soon").exit_code == 2
