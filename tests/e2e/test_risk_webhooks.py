"""Webhooks deliver risk changes as they deliver segment changes: through kills, in order, and nothing is lost."""

import json
import shlex
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from data.contract import tolerant_reader
from data.datasets.dataset import Dataset
from data.kafka.read_to_end import read_topic
from data.postgres import progress
from models.rhythm.carried import carrying
from models.rhythm.risk import RISK_STATES
from models.segment_model import SegmentModel
from segue.cli.app import app
from tests.support.campaigns import store_campaign
from tests.support.commands import segue
from tests.support.documented import block, commands
from tests.support.local_stack import Local, local, wait_until
from tests.support.rhythm import a_rhythm
from tests.support.sections import section
from tests.support.webhook_process import WebhookProcess, webhook_environment
from tests.support.webhook_receiver import Answer, Receiver

PART = 1_200
KILLS = 3
# High, so that customers are presumed lost within the months that are replayed.
LOST_BELOW = 0.4


@pytest.fixture(scope="module")
def run(dataset: Dataset, model: SegmentModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A stack with predictions that has replayed the first transactions."""
    with local(tmp_path_factory.mktemp("risk-webhooks"), carrying(model, a_rhythm(LOST_BELOW))) as running:
        running.replay(dataset, section(dataset, 0, PART))
        yield running


def _environment(run: Local, receiver: Receiver, name: str, **settings: object) -> dict[str, str]:
    return webhook_environment(run, receiver, name, webhook_changes="risk", **settings)


def _webhooks(environment: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, ["webhooks", *arguments], env=environment)


def _status(environment: dict[str, str], name: str) -> dict[str, Any]:
    shown = json.loads(_webhooks(environment, "status", "--json").stdout)
    [row] = [row for row in shown if row["webhook"] == name]
    return {column: row[column] for column in ("changes", "delivered", "waiting", "dead", "lag")}


def _published(run: Local) -> dict[str, bytes]:
    """Every event of the topic of risk changes by its id, byte for byte, once all are published."""
    wait_until(lambda: not progress.unpublished(run.postgres))
    read = read_topic(run.settings.brokers, run.settings.risk_changes_topic, "test")
    return {json.loads(value)["id"]: value for message in read if (value := message.value()) is not None}


def _stored(run: Local, chosen: str = "true") -> set[str]:
    """The ids of the risk changes in Postgres."""
    query = text(f"select customer_id, sequence from risk_changes where {chosen}")
    with run.postgres.connect() as connection:
        return {f"{row.customer_id}:{row.sequence}" for row in connection.execute(query)}


def _dead(run: Local, name: str) -> set[str]:
    query = text("select * from webhook_dead_letters where webhook = :name and delivered_at is null")
    with run.postgres.connect() as connection:
        return {f"{row.customer_id}:{row.sequence}" for row in connection.execute(query, {"name": name})}


def _is_done(environment: dict[str, str], name: str, settled: int) -> bool:
    status = _status(environment, name)
    return bool(status["lag"] == 0 and status["waiting"] == 0 and status["delivered"] + status["dead"] >= settled)


def _dice(event_id: str) -> int:
    return int.from_bytes(sha256(event_id.encode()).digest()[:4]) % 100


def _troubled(event: dict[str, Any], attempt: int) -> Answer:
    """Refuse a few permanently, let others fail at first."""
    if _dice(event["id"]) < 3:
        return Answer(400, body=b"no such customer")
    return Answer(503 if _dice(event["id"]) < 20 and attempt == 1 else 200)


def test_through_kills_every_chosen_risk_change_arrives_byte_for_byte_and_every_customer_is_in_order(
    run: Local, dataset: Dataset, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = _troubled
    where = "to != on_rhythm or cause = first_purchase"
    environment = _environment(run, receiver, "storm", webhook_where=where)
    replay = Thread(target=run.replay, args=(dataset, section(dataset, PART, 3 * PART)))
    replay.start()
    for _ in range(KILLS):
        before = len(receiver.ids())
        with WebhookProcess(environment, tmp_path, "--from-beginning") as webhook:
            wait_until(lambda before=before: len(receiver.ids()) > before + 50)  # type: ignore[misc]
            webhook.kill()
    replay.join()
    published = _published(run)
    chosen = _stored(run, "to_state is distinct from 'on_rhythm' or cause = 'first_purchase'")
    hopeless = {each for each in chosen if _dice(each) < 3}
    with WebhookProcess(environment, tmp_path) as webhook:
        wait_until(lambda: set(receiver.ids()) == chosen - hopeless and _dead(run, "storm") == hopeless)
        wait_until(lambda: _is_done(environment, "storm", 0))
        assert webhook.interrupt() == 0, webhook.log()
    assert "Sending risk changes to" in webhook.log()
    assert len(chosen) > 400
    assert len(hopeless) > 5
    for customer, sequences in receiver.histories().items():
        assert sequences == sorted(sequences), f"{customer} out of order"
    seen = {tolerant_reader.risk_change(body) for _, body in receiver.raw}
    assert {change.to for change in seen if change is not None} == {*RISK_STATES}
    for headers, body in receiver.raw:
        assert body == published[headers["webhook-id"]]


def test_a_name_delivers_one_kind_of_changes_and_is_refused_for_the_other(
    run: Local, receiver: Receiver, tmp_path: Path
) -> None:
    risk = _environment(run, receiver, "risk", webhook_where="to = overdue")
    chosen = _stored(run, "to_state = 'overdue'")
    with WebhookProcess(risk, tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: set(receiver.ids()) == chosen and _status(risk, "risk")["lag"] == 0)
        assert webhook.interrupt() == 0
    segments = webhook_environment(run, receiver, "segments")
    with WebhookProcess(segments, tmp_path) as webhook:
        wait_until(lambda: "Sending changes to" in webhook.log())
    for environment, name, option, said in (
        (risk, "risk", "segments", "delivers risk changes, and can't deliver segment changes"),
        (segments, "segments", "risk", "delivers segment changes, and can't deliver risk changes"),
    ):
        with WebhookProcess(environment, tmp_path, "--changes", option) as webhook:
            assert webhook.exit_code() == 1
        line = f"error: the webhook '{name}' {said}; a second webhook needs its own SEGUE_WEBHOOK_NAME"
        assert " ".join(webhook.log().split()) == line
    assert _status(risk, "risk") == {
        "changes": "risk",
        "delivered": len(chosen),
        "waiting": 0,
        "dead": 0,
        "lag": 0,
    }
    assert _status(risk, "segments")["changes"] == "segments"


def test_the_webhook_of_the_page_sends_overdue_customers(run: Local, receiver: Receiver, tmp_path: Path) -> None:
    *exports, command = commands(block("docs/webhooks.md", "--changes risk"))
    documented = dict(shlex.split(export)[1].split("=", 1) for export in exports)
    # There are few regular customers after some months.
    assert documented["SEGUE_WEBHOOK_WHERE"] == "to = overdue and frequency >= 5"
    documented["SEGUE_WEBHOOK_WHERE"] = "to = overdue and frequency >= 2"
    assert command == "segue webhooks run --changes risk"
    environment = webhook_environment(run, receiver, documented["SEGUE_WEBHOOK_NAME"]) | documented
    chosen = _stored(run, "to_state = 'overdue' and frequency >= 2")
    with WebhookProcess(environment, tmp_path, *command.split()[3:], "--from-beginning") as webhook:
        wait_until(lambda: set(receiver.ids()) == chosen)
        assert webhook.interrupt() == 0
    assert len(chosen) > 5


def test_risk_changes_of_held_out_customers_are_left_out_while_their_campaign_runs(
    run: Local, receiver: Receiver, tmp_path: Path
) -> None:
    campaign = store_campaign(run.postgres, days_ago=30, horizon=20, holdout=0.5)
    left_out = _stored(
        run,
        f"effective_at >= '{campaign.started_at}' and effective_at < '{campaign.ends_at}' and customer_id in "
        "(select customer_id from campaign_members where held_out)",
    )
    environment = _environment(run, receiver, "campaign", webhook_skip_held_out=True)
    with WebhookProcess(environment, tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: "Sending risk changes" in webhook.log())
        wait_until(lambda: _is_done(environment, "campaign", 1))
        assert webhook.interrupt() == 0
    assert set(receiver.ids()) == _stored(run) - left_out
    assert len(left_out) > 10


def test_abandoned_risk_changes_are_listed_sent_again_and_deleted_with_a_forgotten_customer(
    run: Local, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = lambda event, _: Answer(404)
    environment = _environment(run, receiver, "mended", webhook_where="to = overdue")
    chosen = _stored(run, "to_state = 'overdue'")
    with WebhookProcess(environment, tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: _dead(run, "mended") == chosen)
        assert webhook.interrupt() == 0
    assert len(chosen) > 5
    listed = json.loads(_webhooks(environment, "dead", "--json").stdout)
    assert {letter["event"]["data"]["to"] for letter in listed["dead_letters"]} == {"overdue"}
    again = _webhooks(environment, "retry", "--all")
    assert f"0 delivered, {len(chosen)} failed again" in again.stderr

    gone = min(chosen).rpartition(":")[0]
    segue(run.stack.state_dir, "forget", gone, "--yes")
    left = {each for each in chosen if each.rpartition(":")[0] != gone}
    assert _dead(run, "mended") == left == _stored(run, "to_state = 'overdue'")
    receiver.answer = lambda event, _: Answer(202)
    assert f"{len(left)} delivered, 0 failed again" in _webhooks(environment, "retry", "--all").stderr
    assert set(receiver.ids()) == left
    assert _status(environment, "mended") == {
        "changes": "risk",
        "delivered": len(left),
        "waiting": 0,
        "dead": 0,
        "lag": 0,
    }
