"""``segue backfill`` of a model with predictions: risk states equal the published ones, change by change."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from data.contract.wire import Tick
from data.postgres.pruning import Retention, prune
from models.rhythm.carried import carrying
from models.rhythm.risk import RISK_STATES
from segue.cli.app import app
from services.backfill.risk_files import COLUMNS
from tests.support.builders import random_model
from tests.support.processed_stream import NOW, lived, messages, store
from tests.support.rhythm import a_rhythm
from tests.support.stored_risks import store_risks

DAY = timedelta(days=1)
SENT = messages(60)
RHYTHM = a_rhythm()
CHAMPION = carrying(random_model("log1p", 5, 1, 60.0), RHYTHM)
# With predictions of its own, never active; and one without predictions.
OTHER, PLAIN = carrying(random_model("log1p", 4, 7), a_rhythm(lost_below=0.5)), random_model("identity", 4, 37)
MOMENTS = ("effective_at", "last_purchase_at", "next_at")
Run = Callable[..., Result]
Row = tuple[Any, ...]


@pytest.fixture
def run(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(app, ["backfill", *map(str, arguments)])


@pytest.fixture
def applied(postgres: Engine) -> Engine:
    """A database in which the champion has decided everything from the beginning."""
    stream = lived(CHAMPION, [*SENT, Tick(NOW)])
    store(postgres, CHAMPION, stream, OTHER, PLAIN)
    store_risks(postgres, stream, NOW)
    with postgres.begin() as connection:
        connection.execute(
            text(
                "UPDATE stream_progress p SET risk_position = n, risk_published_position = n FROM "
                "(SELECT partition, max(position) AS n FROM risk_changes GROUP BY partition) r "
                "WHERE r.partition = p.partition"
            )
        )
    return postgres


def found(result: Result) -> Any:
    assert result.exit_code == 0, f"{result.output} {result.exception}"
    return json.loads(result.stdout)


def flat(result: Result) -> str:
    return " ".join(result.output.split())


def published(postgres: Engine) -> list[Row]:
    """Every published risk change, in the columns of a file."""
    query = (
        "SELECT customer_id, sequence, from_state, to_state, cause, effective_at, frequency, last_purchase_at, "
        "next_state, next_at, rhythm_version, transaction_id FROM risk_changes ORDER BY customer_id, sequence"
    )
    with postgres.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def written(path: Path) -> list[Row]:
    """The risk changes in a file."""
    if path.suffix == ".parquet":
        rows = parquet.read_table(path).to_pylist()
    else:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [{name: _read(name, cell) for name, cell in row.items()} for row in csv.DictReader(file)]
    return [tuple(row[name] for name in COLUMNS) for row in rows]


def _read(column: str, cell: str) -> Any:
    if column in ("sequence", "frequency"):
        return int(cell)
    return (datetime.fromisoformat(cell) if column in MOMENTS else cell) if cell else None


@pytest.mark.parametrize("name", ["risk.parquet", "risk.csv"])
def test_the_risk_history_of_the_only_model_is_the_published_one_change_by_change(
    run: Run, applied: Engine, tmp_path: Path, name: str
) -> None:
    content = found(run("champion", "--risk-out", tmp_path / name, "--json"))["risk"]
    expected = published(applied)
    assert written(tmp_path / name) == expected
    assert {row[3] for row in expected} == {*RISK_STATES}
    assert content["changes"] == {"model": len(expected), "published": len(expected)}
    assert content["compared"]["equal_changes"] == len(expected)
    assert content["compared"]["differing_customers"] == 0
    assert content["compared"]["model"] == content["compared"]["published"]
    assert {each["share"] for each in content["periods"]} == {1.0}
    assert content["published_by"] == {RHYTHM.version: len(expected)}
    assert "All were published by this rhythm model." in flat(run("champion"))


def test_a_model_that_was_never_active_is_compared_state_by_state(run: Run, applied: Engine, tmp_path: Path) -> None:
    content = found(run(OTHER.version, "--risk-out", tmp_path / "risk.parquet", "--by", "quarter", "--json"))["risk"]
    rows, before = written(tmp_path / "risk.parquet"), published(applied)
    assert rows != before
    for period in content["periods"]:
        until = datetime.fromisoformat(period["until"])
        ours = {row[0]: row[3] for row in rows if row[5] < until}
        theirs = {row[0]: row[3] for row in before if row[5] < until}
        pairs = Counter((ours.get(customer), theirs.get(customer)) for customer in {*ours, *theirs})
        assert {(each["model"], each["published"]): each["customers"] for each in period["pairs"]} == pairs
        for side, history in (("model", rows), ("published", before)):
            inside = [row for row in history if datetime.fromisoformat(period["since"]) <= row[5] < until]
            causes = Counter(row[4] for row in inside)
            assert {cause: count for cause, count in period[side]["by_cause"].items() if count} == causes
    assert content["compared"]["differing_customers"] > 0


def test_a_model_without_predictions_has_no_risk_states(run: Run, applied: Engine, tmp_path: Path) -> None:
    assert "risk" not in found(run(PLAIN.version, "--json"))
    assert "isk" not in run(PLAIN.version).output
    refused = run(PLAIN.version, "--risk-out", tmp_path / "risk.csv")
    assert refused.exit_code == 1
    said = f"error: {PLAIN.version} carries no predictions and so has no risk states: leave --risk-out out"
    assert flat(refused) == said
    assert list(tmp_path.iterdir()) == []


def test_both_files_are_written_together_and_must_differ(run: Run, applied: Engine, tmp_path: Path) -> None:
    out, risk_out = tmp_path / "changes.csv", tmp_path / "risk.csv"
    same = run("champion", "-o", out, "--risk-out", out)
    assert same.exit_code == 1
    assert "-o and --risk-out name the same file" in same.output
    done = run("champion", "-o", out, "--risk-out", risk_out)
    assert f"risk changes are in {risk_out}" in done.output
    assert written(risk_out) == published(applied)
    again = run("champion", "--risk-out", risk_out)
    assert again.exit_code == 1
    assert f"{risk_out} exists" in str(again.exception)
    with applied.connect() as connection:
        details = connection.execute(text("SELECT detail FROM audit WHERE act = 'backfill'")).scalars().all()
    assert details[-1]["risk_rows"] == len(published(applied))
    assert details[-1]["rows"] > 0


@pytest.mark.parametrize(
    "waiting", ["UPDATE risk_states SET rhythm_version = 'older' WHERE {}", "DELETE FROM risk_states WHERE {}"]
)
def test_risk_states_that_wait_for_the_active_model_are_not_compared(
    run: Run, applied: Engine, tmp_path: Path, waiting: str
) -> None:
    with applied.begin() as connection:
        connection.execute(text(waiting.format("customer_id = (SELECT min(customer_id) FROM risk_states)")))
    for model in ("champion", OTHER.version):
        refused = run(model, "--risk-out", tmp_path / "risk.csv")
        assert refused.exit_code == 1
        assert "1 risk state waits to be rescored by the new model: try again in a moment" in str(refused.exception)
    assert list(tmp_path.iterdir()) == []
    # Whose history has no risk states does not wait for them.
    assert "risk" not in found(run(PLAIN.version, "--json"))


def test_a_model_that_carries_predictions_waits_for_nothing_while_the_active_one_carries_none(
    run: Run, postgres: Engine
) -> None:
    store(postgres, PLAIN, lived(PLAIN, [*SENT, Tick(NOW)]), OTHER)
    content = found(run(OTHER.version, "--json"))["risk"]
    assert content["changes"]["model"] > content["changes"]["published"] == 0


def test_both_tables_say_how_many_periods_they_leave_out(run: Run, applied: Engine) -> None:
    content = found(run("champion", "--by", "week", "--json"))
    left_out = len(content["periods"]) - 36
    assert left_out > 1
    assert len(content["risk"]["periods"]) == len(content["periods"])
    assert flat(run("champion", "--by", "week")).count(f"{left_out} earlier weeks are in the output of --json.") == 2


def test_pruned_risk_changes_limit_the_comparison_only(run: Run, applied: Engine, tmp_path: Path) -> None:
    found(run("champion", "--risk-out", tmp_path / "before.parquet", "--json"))
    assert (prune(applied, Retention(changes=200 * DAY), NOW).risk_changes or 0) > 10
    content = found(run("champion", "--risk-out", tmp_path / "after.parquet", "--json"))["risk"]
    assert written(tmp_path / "after.parquet") == written(tmp_path / "before.parquet")
    since = datetime.fromisoformat(content["published_since"])
    assert content["periods"]
    assert all(datetime.fromisoformat(each["since"]) >= since for each in content["periods"])
    assert content["compared"]["differing_customers"] == 0
    assert {each["share"] for each in content["periods"]} == {1.0}
    assert f"their comparison begins with {content['periods'][0]['label']}" in flat(run("champion"))
