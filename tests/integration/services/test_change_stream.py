"""``segue status``, ``segue changes --where`` and refused replays, on a Postgres with data."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, text
from typer.testing import CliRunner

from data.postgres import model_registry, replay_control
from data.postgres.database import engine as connect
from data.postgres.replay_control import Heartbeat
from data.postgres.tables import dead_letters, log_faults
from producers.replay_session import other_datasets
from runtime.running_stack import STACK_FILE
from segue.cli.app import app
from tests.support.dataset_tables import fill
from tests.support.generated_tables import a_model
from tests.support.retail import retail

REPORT = Heartbeat("stopped", datetime(2010, 3, 1, tzinfo=UTC), 100, 1_000, 7, 86_400.0)
GONE = 2**22 + 1  # greater than any process id on Linux


@pytest.fixture
def postgres(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    return connect(migrated_url)


def test_status_has_the_same_content_as_json_and_as_text(postgres: Engine) -> None:
    model_registry.register(postgres, a_model())
    fill(postgres, retail().transactions.head(300), a_model(), retail().report.first)
    replay_control.begin(postgres, "shop.csv", REPORT)
    printed = CliRunner().invoke(app, ["status"]).stdout
    found = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)
    for line in (
        f"brokers: {found['brokers']}",
        f"model: {found['model']}",
        f"transactions: {found['transactions']:,} (",
        f"customers in a segment: {found['customers']:,}",
        f"changes: {sum(found['changes'].values()):,}",
        f"replay: {found['replay']}",
    ):
        assert line in printed
    assert found["brokers"] == "127.0.0.1:9092"
    assert found["replay"].startswith("shop.csv stopped at 2010-03-01 00:00")
    assert found["partitions"]


def test_after_pruning_both_kinds_of_changes_are_counted_as_stored(postgres: Engine) -> None:
    progress = "INSERT INTO stream_progress (partition, log_id, next_offset, epoch, owner, change_position, "
    progress += "risk_position, risk_published_position) VALUES (0, 'log', 9, 1, 'me', 700, 900, 890)"
    change = (
        "INSERT INTO segment_changes (customer_id, sequence, partition, position, to_segment, cause, effective_at, "
    )
    change += (
        "recency_days, frequency, monetary, model_version) VALUES ('a', 7, 0, 700, 's', 'decay', now(), 1, 1, 1, 'm')"
    )
    risk = "INSERT INTO risk_changes (customer_id, sequence, partition, position, cause, effective_at, frequency) "
    risk += "VALUES ('a', 8, 0, 899, 'silence', now(), 1), ('a', 9, 0, 900, 'silence', now(), 1)"
    with postgres.begin() as connection:
        for statement in (progress, change, risk):
            connection.execute(text(statement))
    printed = CliRunner().invoke(app, ["status"]).stdout.splitlines()
    assert "changes: 1 stored (1 decay)" in printed
    assert "risk changes: 2 stored (10 to publish)" in printed
    found = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)
    assert (found["changes"], found["risk_changes"]) == ({"decay": 1}, 2)


@pytest.mark.parametrize(("number", "named"), [(0, ""), (1_234, ", 1,234 risk changes")])
def test_the_status_counts_what_was_deleted_with_forgotten_customers(postgres: Engine, number: int, named: str) -> None:
    erasure = "INSERT INTO erasures (hash, partition, position, transactions, changes, dead_letters, risk_changes) "
    with postgres.begin() as connection:
        connection.execute(text(f"{erasure} VALUES ('x', 0, 1, 7, 5, 0, {number})"))
    printed = CliRunner().invoke(app, ["status"]).stdout
    assert (
        f"forgotten customers: 1 (deleted with them: 7 transactions, 5 changes{named}; 0 later records dropped)"
        in printed
    )
    found = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)
    assert found["forgotten"] == {
        "customers": 1, "transactions": 7, "changes": 5, "dropped": 0, "risk_changes": number
    }  # fmt: skip


def test_status_and_reconcile_report_log_faults_until_they_are_resolved(postgres: Engine) -> None:
    segue = CliRunner().invoke
    assert segue(app, ["faults", "list"]).exit_code == 0
    fault = {"log_id": "log", "partition": 2, "kind": "deleted", "first_offset": 200, "end_offset": 2_000}
    with postgres.begin() as connection:
        connection.execute(insert(log_faults), [fault, fault | {"kind": "recreated", "first_offset": 0}])
    printed, found = segue(app, ["status"]), segue(app, ["status", "--json"])
    assert (printed.exit_code, found.exit_code) == (1, 1)
    text = "partition 2: 1,800 records (offsets 200 to 1,999) were deleted before they were read"
    assert text in " ".join(printed.stdout.split())
    faults = json.loads(found.stdout)["log_faults"]
    assert [(each["id"], each["kind"], each["end_offset"]) for each in faults] == [
        (2, "recreated", 2_000),
        (1, "deleted", 2_000),
    ]
    assert json.loads(segue(app, ["faults", "list", "--json"]).stdout)[1]["first_offset"] == 200
    assert "partition 2" in " ".join(segue(app, ["reconcile", __file__]).output.split())
    assert "say which" in segue(app, ["faults", "resolve"]).output
    assert isinstance(segue(app, ["faults", "resolve", "1", "9"]).exception, LookupError)
    assert len(json.loads(segue(app, ["faults", "list", "--json"]).stdout)) == 2
    assert segue(app, ["faults", "resolve", "1"]).exit_code == 0
    assert segue(app, ["status"]).exit_code == 1
    assert segue(app, ["faults", "resolve", "--all"]).exit_code == 0
    assert segue(app, ["status"]).exit_code == 0
    assert json.loads(segue(app, ["faults", "list", "--json"]).stdout) == []
    assert len(json.loads(segue(app, ["faults", "list", "--json", "--resolved"]).stdout)) == 2


def test_status_reports_that_a_killed_stack_is_gone(
    postgres: Engine, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEGUE_DATABASE_URL")
    left = {"pid": os.getpid(), "settings": {"database_url": migrated_url}}
    (tmp_path / STACK_FILE).write_text(json.dumps(left))
    assert CliRunner().invoke(app, ["status"]).exit_code == 0
    (tmp_path / STACK_FILE).write_text(json.dumps(left | {"pid": GONE}))
    result = CliRunner().invoke(app, ["status"])
    assert result.exit_code == 1
    assert f"is gone (process {GONE}) and SEGUE_DATABASE_URL is not set" in str(result.exception)


def test_a_stream_takes_one_dataset_unless_mixing_is_requested(postgres: Engine) -> None:
    assert other_datasets(postgres, "shop.csv") == []
    replay_control.begin(postgres, "shop.csv", REPORT)
    assert other_datasets(postgres, "shop.csv") == []
    assert other_datasets(postgres, "other.csv") == ["shop.csv"]
    replay_control.begin(postgres, "other.csv", REPORT)
    assert other_datasets(postgres, "other.csv") == []


def test_a_filter_with_an_unknown_segment_causes_a_warning(postgres: Engine) -> None:
    model = a_model()
    model_registry.register(postgres, model)
    known = model.segments[0]
    for name in (known.id, known.name.upper()):
        quiet = CliRunner().invoke(app, ["changes", "--where", f"to = '{name}' or from = none"])
        assert "no model has" not in quiet.output
    result = CliRunner().invoke(app, ["changes", "--where", "to = At Rissk and cause = decay"])
    said = " ".join(result.output.split())
    assert result.exit_code == 0
    assert "--where: no model has a segment At Rissk; the segments are " in said
    assert known.name in said


def test_an_unmatched_reason_is_distinguished_from_no_dead_letters(postgres: Engine) -> None:
    assert "There are no dead letters." in CliRunner().invoke(app, ["dlq", "list", "--reason", "x"]).output
    letter = {"log_id": "log", "partition": 0, "offset": 7, "reason": "the currency is EUR", "key": b"C1"}
    with postgres.begin() as connection:
        connection.execute(insert(dead_letters), [letter])
    said = CliRunner().invoke(app, ["dlq", "list", "--reason", "x"]).output
    assert "No dead letter has such a reason" in said
