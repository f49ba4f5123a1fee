"""The operations page shows the alert rules and what their process remembers, and never an address."""

import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import msgspec
import pytest

from dashboard.operations import alert_markup, alert_rules
from runtime.errors import SegueError
from services.alerts.incidents import Incident
from services.alerts.rules import MEASURES, OF_CUSTOMERS
from tests.support.money import POUNDS

RULES = """
[[rule]]
name = "Champions are <b>leaving</b>"
measure = "customers"
where = "moved_from = Champions and since = 1d"
above = 20
to = ["marketing", "boss"]

[[rule]]
name = "Much is at stake"
measure = "money_at_stake"
audience = "Overdue VIPs"
above = 50_000
to = ["boss"]
"""
SINCE = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings that name a file of rules; the path of the state file, which is not there yet."""
    rules = tmp_path / "alerts.toml"
    rules.write_text(RULES)
    monkeypatch.setenv("SEGUE_ALERT_RULES", str(rules))
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    return tmp_path / "alerts.json"


def remember(state: Path, incidents: dict[str, dict[str, Incident]]) -> None:
    state.write_bytes(msgspec.json.encode(incidents))


def shown() -> str:
    found = alert_rules.read()
    assert found is not None
    return alert_markup.rules(found, POUNDS)


def words() -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", shown())).split())


@pytest.mark.parametrize("measure", [each for each in MEASURES if each not in OF_CUSTOMERS])
def test_a_rule_about_any_measure_of_the_stream_can_be_shown(state: Path, measure: str) -> None:
    rule = f'[[rule]]\nname = "A rule"\nmeasure = "{measure}"\nabove = 7\nto = ["boss"]\n'
    (state.parent / "alerts.toml").write_text(rule)
    assert "A rule 7 " in words()
    assert f"{measure.replace('_', ' ')} boss none" in words()


def test_every_rule_has_its_limit_and_whom_it_writes_to(state: Path) -> None:
    assert "20 customers moved_from = Champions and since = 1d marketing, boss none" in words()
    assert "Much is at stake £50,000 the audience Overdue VIPs boss none" in words()
    assert "Nothing is remembered yet: there is no alerts.json in SEGUE_STATE_DIR" in words()
    assert "<b>leaving" not in shown()


def test_an_incident_says_since_when_and_whether_somebody_was_written_to(state: Path) -> None:
    remember(state, {"Much is at stake": {"boss": Incident(since=SINCE, reported=True)}})
    assert "above its limit since 1 Mar 2026, 09:30, a message was sent" in words()
    assert re.findall(r'data-fires="(\w+)"', shown()) == ["false", "true"]
    assert "From alerts.json in SEGUE_STATE_DIR , last changed" in words()
    remember(state, {"Much is at stake": {"boss": Incident(unknown_since=SINCE)}})
    assert "can't be checked since 1 Mar 2026, 09:30, no message yet" in words()


def test_destinations_of_one_rule_may_differ(state: Path) -> None:
    remember(state, {"Champions are <b>leaving</b>": {"boss": Incident(since=SINCE)}})
    assert "marketing: none; boss: above its limit since 1 Mar 2026, 09:30, no message yet" in words()


def test_without_a_file_of_rules_there_is_nothing_to_show(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGUE_ALERT_RULES")
    assert alert_rules.read() is None


@pytest.mark.parametrize(("content", "reason"), [("[[rule", "not TOML"), ("", "has no rule"), (None, "No such file")])
def test_a_file_that_is_no_file_of_rules_is_named(state: Path, content: str | None, reason: str) -> None:
    rules = state.with_name("alerts.toml")
    rules.unlink() if content is None else rules.write_text(content)
    with pytest.raises(SegueError, match=reason) as caught:
        alert_rules.read()
    assert str(rules) in str(caught.value)


def test_a_state_file_that_is_something_else_is_named(state: Path) -> None:
    state.write_text("{")
    with pytest.raises(SegueError, match="not a file of incidents"):
        alert_rules.read()
