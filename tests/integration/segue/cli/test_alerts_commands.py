"""`segue alerts`: rules are checked, destinations are tried out, and a process sends until it is stopped."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from data.postgres.tables import dead_letters, drift_observations
from services.alerts.destinations import AppriseSender, parse_destinations
from tests.support.alert_receiver import AlertReceiver, alert_receiver
from tests.support.commands import Done, in_process
from tests.support.documented import block, commands
from tests.support.generated_tables import EVENT_TIME, a_model, a_stream, store
from tests.support.local_stack import wait_until

ROOT = Path(__file__).parents[4]
RULES = """
[[rule]]
name = "Records are set aside"
measure = "dead_letters"
above = 0
to = ["team"]
[[rule]]
name = "Everybody"
measure = "customers"
where = "everyone"
above = 1_000_000
to = ["team"]
"""
PREDICTIONS = """
[[rule]]
name = "Error"
measure = "prediction_error"
above = 12.5
to = ["team"]
"""
Run = Callable[..., Done]


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    with alert_receiver() as running:
        yield running


@pytest.fixture
def segue(
    postgres: Engine, migrated_url: str, receiver: AlertReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs a command on a database that holds a stream; the file `rules.toml` has two rules."""
    store(postgres, a_model(), a_stream(a_model()))
    (tmp_path / "rules.toml").write_text(RULES)
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SEGUE_ALERT_DESTINATIONS", f"team={receiver.address}")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: in_process("alerts", *arguments)


def a_dead_letter(postgres: Engine) -> None:
    row = {"log_id": "log", "partition": 0, "offset": 1, "reason": "bad", "published": True}
    with postgres.begin() as connection:
        connection.execute(insert(dead_letters).values(row | {"key": b"k", "value": b"v"}))


def test_a_check_shows_every_measure_and_sends_nothing(segue: Run, postgres: Engine, receiver: AlertReceiver) -> None:
    a_dead_letter(postgres)
    done = segue("check", "--rules", "rules.toml", "--json")
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)
    assert (first["rule"], first["value"], first["above"]) == ("Records are set aside", 1, True)
    assert second["above"] is False
    assert second["as_of"] == "2011-06-15T09:30:00+00:00"
    shown = segue("check", "--rules", "rules.toml").stdout
    assert "above" in shown
    assert "1 record " in shown
    assert receiver.messages == []


def test_the_rules_of_the_page_can_be_checked_and_its_destinations_are_addresses(
    segue: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = in_process("audience", "save", "Overdue VIPs", "--segment", "Champions")
    assert saved.returncode == 0, saved.stderr
    Path("alerts.toml").write_text(block("docs/alerts.md", "[[rule]]").text)
    for command in commands(block("docs/alerts.md", "export SEGUE_ALERT_RULES")):
        if command.startswith("export "):
            [(name, value)] = [shlex.split(command)[1].split("=", 1)]
            monkeypatch.setenv(
                name, value.replace("slack://TOKENS", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
            )
    done = segue("check", "--json")
    values = {each["rule"]: each["value"] for each in json.loads(done.stdout)}
    # Neither predictions nor a broker are there.
    assert values == {"Champions are leaving": 1, "Much is at stake": None, "The stream is stuck": None}
    addresses = parse_destinations(os.environ["SEGUE_ALERT_DESTINATIONS"])
    assert set(AppriseSender.of(addresses).addresses) == {"marketing", "operators", "boss"}


def test_a_rule_that_cannot_be_checked_makes_the_check_fail(segue: Run) -> None:
    Path("rules.toml").write_text(RULES.replace('where = "everyone"', 'audience = "VIPs"'))
    done = segue("check", "--rules", "rules.toml")
    assert done.returncode == 1
    assert "unknown" in done.stdout
    assert "there is no audience" in " ".join(done.stdout.split())


def test_the_error_of_predictions_is_checked_in_per_cent(segue: Run, postgres: Engine) -> None:
    Path("rules.toml").write_text(PREDICTIONS)
    unknown = segue("check", "--rules", "rules.toml")
    assert (unknown.returncode, "unknown" in unknown.stdout) == (1, True)
    rows = {"window_end": EVENT_TIME, "measure": "predictions", "name": "within_30_days", "customers": 100}
    shares = {"value": 0.5, "reference": 0.4, "threshold": 0.46, "alarm": False}
    with postgres.begin() as connection:
        row = {"model_version": a_model().version} | rows | shares
        connection.execute(insert(drift_observations).values(row))
    done = segue("check", "--rules", "rules.toml")
    assert done.returncode == 0, done.stderr
    shown = " ".join(done.stdout.split())
    assert "25 per cent" in shown
    assert "12.5 per cent" in shown
    [found] = json.loads(segue("check", "--rules", "rules.toml", "--json").stdout)
    assert (found["value"], found["above"]) == (25, True)


def test_a_test_message_arrives(segue: Run, receiver: AlertReceiver) -> None:
    assert segue("test").returncode == 0
    assert receiver.titles == ["Segue: a test"]


def test_a_test_says_of_each_destination_what_became_of_it(
    segue: Run, receiver: AlertReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = (
        f"{receiver.address} gone=json://user:hunter2-of-the-shop@127.0.0.1:1/ bird=pigeon://hunter2-of-the-shop"
    )
    monkeypatch.setenv("SEGUE_ALERT_DESTINATIONS", f"team={addresses}")
    done = segue("test", "--rules", "rules.toml", "--json")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    both = "Rules that write to it: Records are set aside, Everybody."
    assert lines[0] == f"team has accepted the message. {both}"
    assert lines[1].startswith("gone did not accept the message: ")
    assert ".." not in lines[1]
    assert lines[2].startswith("the destination 'bird' has no address that Apprise knows")
    found = json.loads(done.stdout)
    assert [(each["destination"], each["accepted"]) for each in found] == [
        ("team", True),
        ("gone", False),
        ("bird", False),
    ]
    assert found[0] == {
        "destination": "team",
        "accepted": True,
        "reason": None,
        "rules": ["Records are set aside", "Everybody"],
    }
    assert "hunter2" not in done.stdout + done.stderr
    [message] = receiver.messages
    assert "Rules that write here: Records are set aside, Everybody." in message["message"]


def test_the_destinations_of_a_rule_are_tried_out_also_in_quiet_hours(
    segue: Run, receiver: AlertReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    always = RULES.replace('to = ["team"]', 'to = ["team"]\nquiet = "00:00-23:59"', 1)
    Path("rules.toml").write_text(always.replace('1_000_000\nto = ["team"]', '1_000_000\nto = ["boss"]'))
    monkeypatch.setenv("SEGUE_ALERT_DESTINATIONS", f"team={receiver.address} boss=json://127.0.0.1:1/")
    monkeypatch.setenv("SEGUE_ALERT_RULES", "rules.toml")
    done = segue("test", "--rule", "Records are set aside")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == ["team has accepted the message. Rules that write to it: Records are set aside."]
    assert receiver.titles == ["Segue: a test"]
    assert segue("test", "--rule", "Everybody").returncode == 1
    assert segue("test", "team", "--rule", "Everybody").returncode == 1
    assert len(receiver.messages) == 2


def test_a_test_needs_neither_postgres_nor_a_broker(
    segue: Run, receiver: AlertReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    assert segue("test", "--rules", "rules.toml").returncode == 0
    assert receiver.titles == ["Segue: a test"]


def test_a_test_that_is_refused_fails(segue: Run, receiver: AlertReceiver) -> None:
    receiver.refuses = True
    done = segue("test", "team")
    assert done.returncode == 1
    assert "team did not accept the message" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("test", "nobody"), "there is no destination 'nobody'; the destinations are team"),
        (("test", "--rules", "missing.toml"), "missing.toml: No such file or directory"),
        (("test", "--rules", "broken.toml"), "broken.toml: not TOML"),
        (("test", "--rule", "Everybody"), "name the file of the rules: --rules FILE or SEGUE_ALERT_RULES"),
        (("test", "--rules", "rules.toml", "--rule", "x"), "no rule 'x'; the rules are Records are set aside, Every"),
        (("check",), "name the file of the rules: --rules FILE or SEGUE_ALERT_RULES"),
        (("check", "--rules", "missing.toml"), "missing.toml: No such file or directory"),
        (("check", "--rules", "."), ".: Is a directory"),
        (("run", "--rules", "broken.toml"), "broken.toml: not TOML"),
        (("run", "--rules", "rules.toml", "--every", "0"), "from 1s to 1d"),
        (("run", "--rules", "rules.toml", "--state", "rules.toml/x"), "name another file with --state"),
    ],
)
def test_wrong_arguments_are_one_line(segue: Run, arguments: tuple[str, ...], reason: str) -> None:
    Path("broken.toml").write_text("[[rule")
    done = segue(*arguments)
    assert done.returncode in (1, 2)
    assert reason in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_without_destinations_a_test_says_what_to_set(segue: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGUE_ALERT_DESTINATIONS")
    done = segue("test")
    assert done.returncode == 1
    assert "set SEGUE_ALERT_DESTINATIONS" in done.stderr


def test_a_process_sends_what_begins_while_it_runs_and_stops_cleanly(
    segue: Run, postgres: Engine, receiver: AlertReceiver, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "segue", "alerts", "run", "--rules", str(tmp_path / "rules.toml"), "--every", "1s"]
    with subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: (tmp_path / "alerts.json.lock").exists() or process.poll() is not None)
            a_dead_letter(postgres)
            wait_until(lambda: bool(receiver.messages) or process.poll() is not None)
        finally:
            process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert receiver.titles == ["Segue: Records are set aside"]
    assert "Traceback" not in errors
