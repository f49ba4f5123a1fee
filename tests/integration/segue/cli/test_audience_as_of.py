"""`segue audience … --as-of DAY` says what the same command said when the stream had reached that day."""

import csv
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from data.contract.wire import Tick
from data.postgres import audiences, audit
from data.postgres.database import engine
from data.postgres.pruning import Retention, prune
from models.audience_text import parse
from tests.support.commands import Done, in_process
from tests.support.documented import block, segue_commands
from tests.support.forgetting import forget_somebody
from tests.support.generated_tables import a_model
from tests.support.postgres import new_database
from tests.support.processed_stream import NOW, lived, messages, store
from tests.support.rhythm import a_predicting_model

Run = Callable[..., Done]
DAY = datetime(2010, 11, 2, tzinfo=UTC)
AS_OF = ("--as-of", f"{DAY:%Y-%m-%d}")
AUDIENCES = {
    "Fallen": "moved_to = lost and since = 200d",
    "Overdue": "risk = overdue, presumed_lost",
    "Spenders": "net_spend >= 100",
}


@pytest.fixture
def segue(postgres: Engine, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a stream that has gone on after the day."""
    fill(postgres, NOW)
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: in_process("audience", *arguments)


@pytest.fixture
def stopped(segue: Run, postgres_server: str, migrated: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command on the stream that stopped on the day."""

    def run(*arguments: str) -> Done:
        with monkeypatch.context() as patch:
            patch.setenv("SEGUE_DATABASE_URL", url)
            return in_process("audience", *arguments)

    with new_database(postgres_server, migrated) as url:
        postgres = engine(url)
        fill(postgres, DAY)
        postgres.dispose()
        yield run


def fill(postgres: Engine, until: datetime) -> None:
    model = a_predicting_model()
    store(postgres, model, lived(model, [*(each for each in messages() if each.occurred_at <= until), Tick(until)]))
    for name, definition in AUDIENCES.items():
        audiences.replace(postgres, name, parse(definition))


def answered(done: Done) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_command_says_what_it_said_on_the_day(segue: Run, stopped: Run) -> None:
    then, was = answered(segue("list", *AS_OF, "--json")), answered(stopped("list", "--json"))
    assert [each["customers"] for each in then] == [each["customers"] for each in was]
    assert {each["as_of"] for each in then} == {DAY.isoformat()}
    for name in AUDIENCES:
        assert answered(segue("count", name, *AS_OF, "--json")) == answered(stopped("count", name, "--json"))
        shown, former = answered(segue("show", name, *AS_OF, "--json")), answered(stopped("show", name, "--json"))
        for field in ("customers", "net_spend", "at_stake", "as_of"):
            assert shown[field] == former[field]
        assert shown["customers"] > 3
        assert segue("export", name, "then.csv", *AS_OF, "--force").returncode == 0
        assert stopped("export", name, "was.csv", "--force").returncode == 0
        assert Path("then.csv").read_bytes() == Path("was.csv").read_bytes()


def test_the_commands_of_the_page_run_in_their_order(segue: Run, postgres: Engine) -> None:
    audiences.replace(postgres, "Overdue Champions", parse("segment = champions and risk = overdue"))
    for arguments in segue_commands(block("docs/as_of.md", "audience list", "console")):
        done = segue(*arguments[1:])
        assert done.returncode == 0, done.stderr
    with Path("june.csv").open(encoding="utf-8", newline="") as file:
        assert {row["as_of"] for row in csv.DictReader(file)} <= {"2011-06-01T00:00:00Z"}


def test_now_is_not_what_was_then(segue: Run) -> None:
    numbers = [[each["customers"] for each in answered(segue("list", *more, "--json"))] for more in ((), AS_OF)]
    assert numbers[0] != numbers[1]
    assert "as_of" not in answered(segue("list", "--json"))[0]


def test_a_moment_within_a_day_and_the_day_are_read_as_by_as_of(segue: Run) -> None:
    shown = answered(segue("count", "Spenders", "--as-of", "2010-11-02 08:26 UTC", "--json"))
    assert shown["as_of"] == "2010-11-02T08:26:00+00:00"
    done = segue("count", "Spenders", "--as-of", "soon")
    assert done.returncode == 2
    assert "is not a moment" in done.stderr


def test_commands_say_which_moment_it_is_and_what_is_not_of_it(segue: Run, postgres: Engine) -> None:
    gone = forget_somebody(postgres)
    with postgres.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET late = 2, revisions = 3 WHERE partition = 0"))
    shown = segue("show", "Overdue", *AS_OF)
    assert "2010-11-02 00:00 UTC" in shown.stdout
    listed = segue("list", *AS_OF)
    assert "Audiences as of 2010-11-02 00:00 UTC" in listed.stdout
    exported = segue("export", "Spenders", "out.csv", *AS_OF)
    for done in (shown, listed, exported):
        assert "1 customer was forgotten since the stream began; no past day has them any more." in done.stderr
        assert "2 orders came late and 3 were revised" in done.stderr
        assert "Countries are the present ones." in done.stderr
    assert "customers of Spenders as of 2010-11-02 00:00 UTC are in out.csv" in exported.stderr
    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert gone not in {row["customer_id"] for row in rows}
    assert {row["as_of"] for row in rows} == {"2010-11-02T00:00:00Z"}
    act = audit.acts(postgres, 1)[0]
    assert (act.act, act.detail["as_of"], act.detail["rows"]) == ("audience export", DAY.isoformat(), len(rows))


def test_of_the_present_nothing_is_said_of_the_past(segue: Run) -> None:
    assert "Countries" not in segue("show", "Spenders").stderr


def test_a_moment_that_is_none_of_the_stream_is_refused_in_one_line(segue: Run) -> None:
    for arguments in (["list"], ["count", "Spenders"], ["show", "Spenders"], ["export", "Spenders", "out.csv"]):
        done = segue(*arguments, "--as-of", "2099-01-01")
        assert done.returncode == 1
        assert done.stderr.removeprefix("Looking back …\n") == (
            "error: the stream has reached 2011-06-15 09:30 UTC of event time, and 2099-01-01 00:00 UTC is after it\n"
        )
    assert not Path("out.csv").exists()


def test_moves_that_were_pruned_are_refused_and_the_list_counts_the_others(segue: Run, postgres: Engine) -> None:
    prune(postgres, Retention(changes=timedelta(days=100)), NOW)
    recent = f"{NOW - timedelta(days=30):%Y-%m-%d}"
    done = segue("count", "Fallen", "--as-of", recent)
    assert done.returncode == 1
    assert "this audience asks for earlier ones: older changes were deleted; `segue prune`" in done.stderr
    listed = segue("list", "--as-of", recent, "--json")
    numbers = {each["name"]: each["customers"] for each in answered(listed)}
    assert numbers["Fallen"] is None
    assert numbers["Spenders"] > 3
    assert "Fallen: moves are known after" in listed.stderr
    assert "whole from" in segue("count", "Spenders", *AS_OF).stderr


def test_before_there_was_a_model_nobody_was_in_an_audience_and_predictions_are_refused(
    segue: Run, postgres: Engine
) -> None:
    with postgres.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET model_since = event_time"))
        connection.execute(text("UPDATE segment_changes SET effective_at = effective_at + interval '2 years'"))
    shown = segue("show", "Spenders", *AS_OF)
    assert "There was no model yet, so no customer was in a segment." in shown.stderr
    assert "unknown: the model that was active then had no predictions" in " ".join(shown.stdout.split())
    assert answered(segue("count", "Spenders", *AS_OF, "--json"))["customers"] == 0
    assert "and there was no model yet" in segue("count", "Overdue", *AS_OF).stderr


def test_the_names_are_those_of_the_model_that_was_active_then(segue: Run, postgres: Engine) -> None:
    names = {segment.id: segment.name for segment in a_model().segments}
    assert segue("export", "Spenders", "out.csv", *AS_OF).returncode == 0
    with Path("out.csv").open(encoding="utf-8", newline="") as file:
        assert {(row["segment"], row["persona"]) for row in csv.DictReader(file)} <= {*names.items()}
