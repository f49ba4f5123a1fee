"""Webhooks: whatever the receiver does, no change is lost, and the changes of every customer stay in order."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from sqlalchemy import text
from typer.testing import CliRunner, Result

from data.datasets.dataset import Dataset
from models.segment_model import SegmentModel
from segue.cli.app import app
from segue.local.ports import free_ports
from tests.support.documented import block
from tests.support.local_stack import Local, local, wait_until
from tests.support.sections import section
from tests.support.web import get
from tests.support.webhook_process import WebhookProcess, webhook_environment
from tests.support.webhook_receiver import Answer, Receiver

PART = 500
KILLS = 3
TIMEOUT = 2.0
# The changes of some customers, for tests in which the number of deliveries does not matter.
FEW = "frequency >= 2"


@pytest.fixture(scope="module")
def run(dataset: Dataset, model: SegmentModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A stack that has replayed the first transactions."""
    with local(tmp_path_factory.mktemp("webhooks"), model) as running:
        running.replay(dataset, section(dataset, 0, PART))
        yield running


def _segue(environment: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, ["webhooks", *arguments], env=environment)


def _status(environment: dict[str, str], name: str) -> dict[str, int]:
    """The counts of a webhook, as ``segue webhooks status`` shows them."""
    shown = json.loads(_segue(environment, "status", "--json").stdout)
    [row] = [row for row in shown if row["webhook"] == name]
    return {column: row[column] for column in ("delivered", "waiting", "dead", "lag")}


def _published(run: Local, chosen: Callable[[dict[str, Any]], bool] = lambda change: True) -> set[str]:
    return {f"{change['customer_id']}:{change['sequence']}" for change in run.topic() if chosen(change)}


def _is_of_few(change: dict[str, Any]) -> bool:
    return bool(change["frequency"] >= 2)


def _dead(run: Local, name: str) -> dict[str, str]:
    """The reasons of the given-up changes that have not been delivered since."""
    query = text("select * from webhook_dead_letters where webhook = :name and delivered_at is null")
    with run.postgres.connect() as connection:
        rows = connection.execute(query, {"name": name})
        return {f"{row.customer_id}:{row.sequence}": row.reason for row in rows}


def _saved(run: Local, name: str) -> tuple[int, int]:
    """The number of records read, and of those that wait, as stored in Postgres."""
    query = text(
        "select coalesce(sum(next_offset), -1), coalesce(sum(cardinality(waiting)), 0) "
        "from webhook_progress where webhook = :name"
    )
    with run.postgres.connect() as connection:
        read, waiting = connection.execute(query, {"name": name}).one()
    return int(read), int(waiting)


def _is_locked_out(run: Local) -> bool:
    """Whether a session waits for a lock in Postgres."""
    with run.postgres.connect() as connection:
        return bool(connection.execute(text("select count(*) from pg_locks where not granted")).scalar_one())


def _dice(event_id: str, sides: int) -> int:
    """A throw that is the same for an event in every run."""
    return int.from_bytes(sha256(event_id.encode()).digest()[:4]) % sides


def _troubled(event: dict[str, Any], attempt: int) -> Answer:
    """Accept most events; fail the others in different ways, some forever."""
    fate = _dice(event["id"], 100)
    if fate < 3:
        return Answer(400, body=b"no such customer")
    if fate < 6:
        return Answer(500, body=b"always")
    if attempt > 1 + fate % 2:
        return Answer()
    if fate < 16:
        return Answer(503)
    if fate == 16:
        return Answer(429, {"retry-after": "1"}) if attempt == 1 else Answer()
    if fate < 19:
        return Answer(after=2 * TIMEOUT)  # accepted too late: the event is sent again
    return Answer(after=0.01 * (fate % 3))


def test_through_errors_timeouts_refused_connections_and_kills_nothing_is_lost_and_every_customer_is_in_order(
    run: Local, dataset: Dataset, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer, receiver.patience = _troubled, 0.4 * TIMEOUT
    environment = webhook_environment(
        run, receiver, "storm", webhook_where="cause = decay or monetary > 100", webhook_timeout=TIMEOUT
    )
    replay = Thread(target=run.replay, args=(dataset, section(dataset, PART, 2 * PART)))
    replay.start()
    for kill in range(KILLS):
        before = len(receiver.ids())
        if kill == 1:
            receiver.stop()
        with WebhookProcess(environment, tmp_path, "--from-beginning") as webhook:
            if kill == 1:
                wait_until(lambda webhook=webhook: "seems to be down" in webhook.log())  # type: ignore[misc]
                receiver.start()
            wait_until(lambda before=before: len(receiver.ids()) > before + 50)  # type: ignore[misc]
            webhook.kill()
    replay.join()
    published = len(run.topic())
    with WebhookProcess(environment, tmp_path) as webhook:
        wait_until(lambda: _saved(run, "storm") == (published, 0))
        assert webhook.interrupt() == 0, webhook.log()
    chosen = _published(run, lambda change: change["cause"] == "decay" or float(change["monetary"]) > 100)
    hopeless = {event_id for event_id in chosen if _dice(event_id, 100) < 6}
    arrived = receiver.ids()
    assert set(arrived) == chosen - hopeless
    assert len(chosen) > 400
    assert len(hopeless) > 10
    dead = _dead(run, "storm")
    assert set(dead) == hopeless
    assert set(dead.values()) == {"400 Bad Request: no such customer", "500 Internal Server Error: always"}
    for customer, sequences in receiver.histories().items():
        assert sequences == sorted(sequences), f"{customer} out of order"


def test_the_first_run_begins_with_what_comes_and_one_that_was_stopped_politely_repeats_nothing(
    run: Local, dataset: Dataset, receiver: Receiver, tmp_path: Path
) -> None:
    two_at_once = Event()

    def held(event: dict[str, Any], attempt: int) -> Answer:
        """Answer the first request when the second one is there."""
        if receiver.busiest > 1:
            two_at_once.set()
        two_at_once.wait(300)
        return Answer()

    receiver.answer = held
    environment = webhook_environment(run, receiver, "newcomer")
    before = _published(run)
    with WebhookProcess(environment, tmp_path) as webhook:
        wait_until(lambda: _saved(run, "newcomer") == (len(before), 0))
        replay = Thread(target=run.replay, args=(dataset, section(dataset, 2 * PART, 3 * PART)))
        replay.start()
        wait_until(lambda: len(receiver.ids()) > 50)
        assert webhook.interrupt() == 0
    replay.join()
    new = _published(run) - before
    with WebhookProcess(environment, tmp_path) as webhook:
        wait_until(lambda: set(receiver.ids()) == new)
        assert webhook.interrupt() == 0
        assert "delivered, 0 abandoned" in webhook.log()
    assert sorted(receiver.ids()) == sorted(new)
    assert 1 < receiver.busiest <= 8


def test_a_waiting_customer_does_not_delay_the_others(run: Local, receiver: Receiver, tmp_path: Path) -> None:
    histories: dict[str, list[int]] = {}
    for change in run.topic():
        histories.setdefault(change["customer_id"], []).append(change["sequence"])
    slow = max(histories, key=lambda customer: len(histories[customer]))
    mended = Event()
    receiver.answer = lambda event, _: Answer(503 if event["subject"] == slow and not mended.is_set() else 200)
    environment = webhook_environment(run, receiver, "patient", webhook_attempts=10_000)
    with WebhookProcess(environment, tmp_path, "--from-beginning") as webhook:
        others = {name: each for name, each in histories.items() if name != slow}
        wait_until(lambda: receiver.histories() == others)
        wait_until(lambda: _saved(run, "patient")[1] == len(histories[slow]))
        assert {event_id for event_id, _ in receiver.requests if event_id.startswith(f"{slow}:")} == {f"{slow}:1"}
        mended.set()
        wait_until(lambda: receiver.histories() == histories)
        assert webhook.interrupt() == 0


def test_a_receiver_that_says_when_to_come_again_is_left_alone_until_then(
    run: Local, receiver: Receiver, tmp_path: Path
) -> None:
    times: list[float] = []

    def busy(event: dict[str, Any], attempt: int) -> Answer:
        times.append(time.monotonic())
        return Answer(429, {"retry-after": "2"}) if len(times) == 1 else Answer()

    receiver.answer = busy
    environment = webhook_environment(run, receiver, "polite", webhook_concurrency=1, webhook_attempts=1)
    with WebhookProcess(environment, tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: len(times) > 5)
        assert webhook.interrupt() == 0
    assert times[1] - times[0] >= 2.0
    assert _dead(run, "polite") == {}


def test_what_was_abandoned_can_be_seen_and_sent_again_once_the_receiver_is_mended(
    run: Local, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = lambda event, _: Answer(404, body=b"nobody [here]")
    chosen = _published(run, lambda change: change["cause"] == "purchase" and change["frequency"] >= 3)
    environment = webhook_environment(run, receiver, "mended", webhook_where="cause = purchase and frequency >= 3")
    with WebhookProcess(environment, tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: set(_dead(run, "mended")) == chosen)
        assert webhook.interrupt() == 0
    assert len(chosen) > 5
    # Not one of them was sent twice: 404 is final.
    assert len(receiver.requests) == len(chosen)

    listed = json.loads(_segue(environment, "dead", "--json").stdout)
    reason = "404 Not Found: nobody [here]"
    assert listed["reasons"] == [{"reason": reason, "waiting": len(chosen), "delivered": 0}]
    assert {letter["event"]["id"] for letter in listed["dead_letters"]} <= chosen
    assert reason in _segue(environment, "dead").stdout
    assert f"│ {len(chosen)} │" in " ".join(_segue(environment, "status").stdout.split())
    assert _status(environment, "mended") == {"delivered": 0, "waiting": 0, "dead": len(chosen), "lag": 0}

    again = _segue(environment, "retry", "--all")
    assert again.exit_code == 1
    assert f"0 delivered, {len(chosen)} failed again" in again.stderr
    receiver.answer = lambda event, _: Answer(202)
    one = min(chosen)
    assert "1 delivered, 0 failed again" in _segue(environment, "retry", one).stderr
    assert set(_dead(run, "mended")) == chosen - {one}
    assert f"{len(chosen) - 1} delivered, 0 failed again" in _segue(environment, "retry", "--all").stderr
    assert _dead(run, "mended") == {}
    assert sorted(receiver.ids()) == sorted(chosen)
    assert "there is no abandoned change nobody:1" in str(_segue(environment, "retry", "nobody:1").exception)
    assert _status(environment, "mended") == {"delivered": len(chosen), "waiting": 0, "dead": 0, "lag": 0}


def test_whether_changes_arrive_can_be_asked_over_http(run: Local, receiver: Receiver, tmp_path: Path) -> None:
    mended = Event()
    receiver.answer = lambda event, _: Answer(200 if mended.is_set() else 503)
    [port] = free_ports(1)
    environment = webhook_environment(run, receiver, "asked", webhook_attempts=10_000, web_port=port, webhook_where=FEW)
    address = f"http://127.0.0.1:{port}"
    published = len(_published(run, _is_of_few))
    with WebhookProcess(environment, tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: "seems to be down" in webhook.log())
        assert get(f"{address}/readyz").status_code == 503
        assert get(f"{address}/healthz").status_code == 200
        assert "segue_webhook_receiver_down 1.0" in get(f"{address}/metrics").text
        mended.set()
        wait_until(lambda: f"segue_webhook_delivered_total {published}.0" in get(f"{address}/metrics").text)
        assert get(f"{address}/readyz").json() == {"ready": True, "reasons": [], "waiting": 0}
        assert webhook.interrupt() == 0


def test_redirects_are_not_followed(run: Local, receiver: Receiver, tmp_path: Path) -> None:
    elsewhere = Receiver()
    elsewhere.start()
    receiver.answer = lambda event, _: Answer(307, {"location": elsewhere.url})
    environment = webhook_environment(run, receiver, "redirected", webhook_where="sequence = 3")
    with WebhookProcess(environment, tmp_path, "--from-beginning"):
        wait_until(lambda: bool(_dead(run, "redirected")))
    elsewhere.stop()
    assert "redirects are not followed" in next(iter(_dead(run, "redirected").values()))
    assert elsewhere.requests == []


def test_of_two_processes_for_the_same_webhook_the_earlier_one_ends(
    run: Local, dataset: Dataset, receiver: Receiver, tmp_path: Path
) -> None:
    environment = webhook_environment(run, receiver, "twice", webhook_where="customer = nobody")
    with WebhookProcess(environment, tmp_path) as earlier:
        wait_until(lambda: "Sending changes" in earlier.log())
        with WebhookProcess(environment, tmp_path) as later:
            wait_until(lambda: "Sending changes" in later.log())
            run.replay(dataset, section(dataset, 3 * PART, 3 * PART + 300))
            assert earlier.exit_code() == 1
            assert "another process delivers for the webhook 'twice' now" in earlier.log()
            published = len(run.topic())
            wait_until(lambda: _saved(run, "twice") == (published, 0))
            assert later.interrupt() == 0


def test_requests_are_cloudevents_as_their_sdk_reads_them(run: Local, receiver: Receiver, tmp_path: Path) -> None:
    with WebhookProcess(webhook_environment(run, receiver, "sdk"), tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: len(receiver.raw) > 50)
        assert webhook.interrupt() == 0
    changes = {f"{change['customer_id']}:{change['sequence']}": change for change in run.topic()}
    for headers, body in receiver.raw:
        event = from_structured_event(HTTPMessage(headers, body))
        assert (event.get_specversion(), event.get_type()) == ("1.0", "segue.segment.changed.v1")
        assert event.get_data() == changes[event.get_id()]
        assert headers["webhook-id"] == event.get_id()


def test_while_postgres_is_away_deliveries_wait_for_it_and_nothing_is_lost(
    run: Local, receiver: Receiver, tmp_path: Path
) -> None:
    is_away = Event()

    def held(event: dict[str, Any], attempt: int) -> Answer:
        """Answer all but the first requests while Postgres is away."""
        if len(receiver.ids()) > 20:
            is_away.wait(300)
        return Answer()

    receiver.answer = held
    published, chosen = len(run.topic()), _published(run, _is_of_few)
    environment = webhook_environment(run, receiver, "alone", webhook_where=FEW)
    with WebhookProcess(environment, tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: len(receiver.ids()) > 20)
        run.stack.postgres.halt("immediate")
        is_away.set()
        wait_until(lambda: "can't save" in webhook.log())
        run.stack.postgres.resume()
        wait_until(lambda: _saved(run, "alone") == (published, 0))
        assert webhook.interrupt() == 0
    assert sorted(receiver.ids()) == sorted(chosen)


def test_the_receiver_of_the_documentation_works(run: Local, receiver: Receiver, tmp_path: Path) -> None:
    program = block("docs/webhooks.md", "class Receiver").text
    [port] = free_ports(1)
    address = f"http://127.0.0.1:{port}/segue"
    environment = webhook_environment(run, receiver, "documented", webhook_url=address, webhook_where=FEW)
    written = tmp_path / "stdout.txt"
    with written.open("w") as output:
        command = [sys.executable, "-c", program.replace("8080", str(port))]
        served = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.DEVNULL)
    try:
        with WebhookProcess(environment, tmp_path, "--from-beginning") as webhook:
            published = len(run.topic())
            wait_until(lambda: _saved(run, "documented") == (published, 0))
            assert webhook.interrupt() == 0
    finally:
        served.kill()
        served.wait()
    chosen = [change for change in run.topic() if _is_of_few(change)]
    latest = {change["customer_id"]: change["to"]["persona"] for change in chosen}
    assert 20 < len(latest) < len(chosen)
    said = dict(line.split(" is now ") for line in written.read_text().splitlines())
    assert said == latest


def test_a_stop_while_progress_is_saved_counts_no_delivery_twice(
    run: Local, receiver: Receiver, tmp_path: Path
) -> None:
    environment = webhook_environment(run, receiver, "saving")
    with WebhookProcess(environment, tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: len(receiver.ids()) > 20)
        with run.postgres.begin() as connection:
            connection.execute(text("select from webhook_progress where webhook = 'saving' for update"))
            wait_until(lambda: _is_locked_out(run))
            webhook.ask_to_stop()
            wait_until(lambda: "stopping" in webhook.log())
        assert webhook.exit_code() == 0, webhook.log()
    assert _status(environment, "saving")["delivered"] == len(receiver.ids())


def test_the_lag_is_the_number_of_changes_that_were_published_while_the_webhook_was_stopped(
    run: Local, dataset: Dataset, receiver: Receiver, tmp_path: Path
) -> None:
    environment = webhook_environment(run, receiver, "stopped", webhook_where=FEW)
    before, chosen = len(run.topic()), _published(run, _is_of_few)
    with WebhookProcess(environment, tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: _saved(run, "stopped") == (before, 0))
        assert webhook.interrupt() == 0
    assert set(receiver.ids()) == chosen
    assert _status(environment, "stopped") == {"delivered": len(chosen), "waiting": 0, "dead": 0, "lag": 0}
    run.replay(dataset, section(dataset, 6 * PART, 6 * PART + 200))
    behind = len(run.topic()) - before
    assert behind > 0
    assert _status(environment, "stopped")["lag"] == behind
    unreachable = _segue(environment | {"SEGUE_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "status")
    assert unreachable.exit_code == 0
    assert "unknown" in unreachable.stdout
    assert "The lag of webhooks for segment changes is unknown: " in unreachable.stderr
