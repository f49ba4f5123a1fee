"""``segue customer`` shows what Postgres holds of a customer."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from data.contract.wire import Tick
from data.postgres import roles
from segue.cli.app import app
from tests.support.generated_tables import a_model
from tests.support.processed_stream import NOW, Lived, live, messages, store
from tests.support.processed_stream import lived as process
from tests.support.stored_risks import store_predicted_risks

Show = Callable[..., Result]


@pytest.fixture
def lived(postgres: Engine) -> Lived:
    found = live(a_model(), messages())
    store(postgres, a_model(), found)
    return found


@pytest.fixture
def show(lived: Lived, show_any: Show) -> Show:
    """The command, with a stream in the database."""
    return show_any


@pytest.fixture
def show_any(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Show:
    """The command, with a database that is still empty."""
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(app, ["customer", *arguments])


def test_a_customer_is_shown_with_segment_numbers_and_changes(show: Show, lived: Lived) -> None:
    names = {segment.id: segment.name for segment in a_model().segments}
    row = next(each for each in lived.customers if each["next_segment"] and each["sequence"] > 1)
    result = show(row["customer_id"])
    assert result.exit_code == 0, result.output
    assert f"{names[row['segment']]} ({row['segment']}) since {row['segment_since']:%Y-%m-%d %H:%M}" in result.output
    assert f"{row['frequency']:,} sale invoices" in result.output
    assert f"Next: {names[row['next_segment']]} ({row['next_segment']}) at {row['next_change_at']:%Y-%m-%d %H:%M}" in (
        result.output
    )
    own = [each for each in lived.changes if each["customer_id"] == row["customer_id"]]
    for change in own[-10:]:
        assert f"{change['effective_at']:%Y-%m-%d %H:%M}" in result.output


def test_the_last_changes_are_as_many_as_asked_for(show: Show, lived: Lived) -> None:
    row = max(lived.customers, key=lambda each: each["sequence"])
    content = json.loads(show(row["customer_id"], "--limit", "2", "--json").stdout)
    assert [each["sequence"] for each in content["changes"]] == [row["sequence"] - 1, row["sequence"]]
    assert content["customer"]["segment"]["id"] == row["segment"]


def test_a_customer_without_a_purchase_is_in_no_segment(show: Show, lived: Lived) -> None:
    row = next(each for each in lived.customers if each["segment"] is None)
    result = show(row["customer_id"])
    assert "In no segment." in result.output
    assert "never bought" in result.output


def test_a_customer_whose_orders_were_all_cancelled_is_not_said_to_have_never_bought(
    postgres: Engine, show_any: Show
) -> None:
    sent = messages()
    who = next(each.customer_id for each in sent if each.kind == "sale")
    gone = [msgspec.structs.replace(each, kind="cancelled", revision=1) for each in sent if each.customer_id == who]
    store(postgres, a_model(), process(a_model(), [*sent, *gone, Tick(NOW)]))
    result = show_any(who)
    assert result.exit_code == 0, result.output
    assert "all orders cancelled, 0 sale invoices" in result.output
    assert "never bought" not in result.output


def test_the_stored_risk_state_is_shown_with_the_next_one(show: Show, lived: Lived, postgres: Engine) -> None:
    changes = store_predicted_risks(postgres, lived)
    last = {change["customer_id"]: change for change in changes}
    states = {change["to_state"] for change in last.values()}
    assert states == {"on_rhythm", "due", "overdue", "presumed_lost"}
    for state in states:
        change = next(each for each in last.values() if each["to_state"] == state)
        risk = json.loads(show(change["customer_id"], "--json").stdout)["customer"]["risk"]
        assert (risk["state"], datetime.fromisoformat(risk["since"])) == (state, change["effective_at"])
        output = show(change["customer_id"]).output
        assert f"Risk state {state}, changed last on {change['effective_at']:%Y-%m-%d %H:%M}; " in output
        if state == "presumed_lost":
            assert risk["next"] is None
            assert "time alone does not change it any more" in output
            continue
        at = datetime.fromisoformat(risk["next"]["at"])
        assert at > NOW
        assert f"{risk['next']['state']} from {at:%Y-%m-%d %H:%M}, unless they order before" in output
        if state != "on_rhythm":
            # No order has moved the next state since the change.
            assert (risk["next"]["state"], at) == (change["next_state"], change["next_at"])


def test_without_predictions_nothing_is_said_of_risk(show: Show, lived: Lived) -> None:
    row = next(each for each in lived.customers if each["segment"])
    assert json.loads(show(row["customer_id"], "--json").stdout)["customer"]["risk"] is None
    assert "Risk state" not in show(row["customer_id"]).output


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("nobody", None), ("12301.0", "12301"), (" 12301", "12301"), ("", None), ("'; --", None)],
)
def test_a_wrong_id_is_one_clear_line(show: Show, wrong: str, meant: str | None) -> None:
    result = show(wrong)
    assert result.exit_code == 1
    [line] = [line for line in result.output.splitlines() if line]
    assert line.startswith("error: there is no customer ")
    assert (f"did you mean '{meant}'?" in line) == (meant is not None)


def test_a_wrong_id_is_one_clear_line_to_a_user_who_may_not_look_behind_masked_ids_too(
    show: Show, postgres: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = roles.make_login(postgres, roles.DASHBOARD, None)
    url = postgres.url.set(drivername="postgresql", username=user)
    monkeypatch.setenv("SEGUE_DATABASE_URL", url.render_as_string(hide_password=False))
    [line] = [line for line in show("nobody").output.splitlines() if line]
    assert line.startswith("error: there is no customer 'nobody'")


def test_a_masked_id_finds_its_customer(show: Show, lived: Lived, postgres: Engine) -> None:
    wanted = lived.customers[0]["customer_id"]
    with postgres.connect() as connection:
        query = text("SELECT mask FROM customer_masks WHERE customer_id = :id")
        masked = connection.execute(query, {"id": wanted}).scalar_one()
    assert masked != wanted
    assert show(masked).output == show(wanted).output
