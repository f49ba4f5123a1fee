"""The integrator's trust in webhooks: whatever the receiver does, nothing is lost and every customer stays in order."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import httpx
import pytest
from click.testing import Result
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from sqlalchemy import text
from typer.testing import CliRunner

from data.datasets.dataset import Dataset
from data.postgres import roles
from data.postgres.database import engine
from models.segment_model import SegmentModel
from producers.replay import Section, occurred_at
from segue.cli.app import app
from segue.local.ports import free_ports
from tests.support.local import Local, local, wait_until
from tests.support.receiver import SECRET, Answer, Receiver

PART = 1_000
KILLS = 3
ATTEMPTS = 6
TIMEOUT = 1.0


def _section(dataset: Dataset, start: int, stop: int) -> Section:
    moments = occurred_at(dataset)
    return Section(start, stop, int(moments[start]), int(moments[stop - 1]))


@pytest.fixture(scope="module")
def run(dataset: Dataset, model: SegmentModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A stack that has replayed the first transactions."""
    with local(tmp_path_factory.mktemp("webhooks"), model) as running:
        running.replay(dataset, _section(dataset, 0, PART))
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    made.start()
    yield made
    made.stop()
    assert made.broken == []


def environment_of(run: Local, receiver: Receiver, name: str, **settings: object) -> dict[str, str]:
    """What a webhook's process knows; it may only keep account of webhooks."""
    own = {
        "state_dir": run.stack.state_dir,
        "database_url": _login(run),
        "webhook_url": receiver.url,
        "webhook_secret": SECRET,
        "webhook_name": name,
        "webhook_attempts": ATTEMPTS,
        "webhook_first_wait": 0.05,
        "webhook_longest_wait": 0.2,
        **settings,
    }
    return os.environ | {"NO_PROXY": "*"} | {f"SEGUE_{key.upper()}": str(value) for key, value in own.items()}


def _login(run: Local) -> str:
    owner = engine(run.settings.database)
    user = roles.make_login(owner, roles.WEBHOOKS, None)
    owner.dispose()
    return owner.url.set(drivername="postgresql", username=user).render_as_string(hide_password=False)


def _segue(environment: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, ["webhooks", *arguments], env=environment)


class Running:
    """``segue webhooks run`` as a process, and what it says."""

    def __init__(self, environment: dict[str, str], folder: Path, *arguments: str) -> None:
        self._said = folder / f"webhook-{len(list(folder.iterdir()))}.log"
        command = [sys.executable, "-m", "segue", "webhooks", "run", *arguments]
        with self._said.open("w") as log:
            self._process = subprocess.Popen(command, env=environment, stderr=log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def ctrl_c(self) -> int:
        self._process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> int:
        return self._process.wait(30)

    def said(self) -> str:
        return self._said.read_text()


def _published(run: Local, chosen: Callable[[dict[str, Any]], bool] = lambda change: True) -> set[str]:
    return {f"{change['customer_id']}:{change['sequence']}" for change in run.topic() if chosen(change)}


def _dead(run: Local, name: str) -> dict[str, str]:
    """Changes that were given up and have not arrived since, and why."""
    query = text("select * from webhook_dead_letters where webhook = :name and delivered_at is null")
    with run.postgres.connect() as connection:
        rows = connection.execute(query, {"name": name})
        return {f"{row.customer_id}:{row.sequence}": row.reason for row in rows}


def _saved(run: Local, name: str) -> tuple[int, int]:
    """Records that have been read, and how many of them wait, as Postgres knows it."""
    query = text(
        "select coalesce(sum(next_offset), -1), coalesce(sum(cardinality(waiting)), 0) "
        "from webhook_progress where webhook = :name"
    )
    with run.postgres.connect() as connection:
        read, waiting = connection.execute(query, {"name": name}).one()
    return int(read), int(waiting)


def _dice(event_id: str, sides: int) -> int:
    """A throw that is the same for an event in every run."""
    return int.from_bytes(sha256(event_id.encode()).digest()[:4]) % sides


def _troubled(event: dict[str, Any], attempt: int) -> Answer:
    """Most are taken; of the others, each fails in its own way, some for ever."""
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
        return Answer(after=2 * TIMEOUT)  # taken, but too late: it is sent again
    return Answer(after=0.01 * (fate % 3))


def test_through_errors_timeouts_refused_connections_and_kills_nothing_is_lost_and_every_customer_is_in_order(
    run: Local, dataset: Dataset, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer, receiver.patience = _troubled, 0.4 * TIMEOUT
    environment = environment_of(
        run, receiver, "storm", webhook_where="cause = decay or monetary > 100", webhook_timeout=TIMEOUT
    )
    replay = Thread(target=run.replay, args=(dataset, _section(dataset, PART, 2 * PART)))
    replay.start()
    for kill in range(KILLS):
        before = len(receiver.ids())
        if kill == 1:
            receiver.stop()
        with Running(environment, tmp_path, "--from-beginning") as webhook:
            if kill == 1:
                wait_until(lambda webhook=webhook: "seems to be down" in webhook.said())  # type: ignore[misc]
                receiver.start()
            wait_until(lambda before=before: len(receiver.ids()) > before + 50)  # type: ignore[misc]
            webhook.kill()
    replay.join()
    published = len(run.topic())
    with Running(environment, tmp_path) as webhook:
        wait_until(lambda: _saved(run, "storm") == (published, 0), 240)
        assert webhook.ctrl_c() == 0, webhook.said()
    chosen = _published(run, lambda change: change["cause"] == "decay" or float(change["monetary"]) > 100)
    hopeless = {event_id for event_id in chosen if _dice(event_id, 100) < 6}
    arrived = receiver.ids()
    assert set(arrived) == chosen - hopeless
    assert len(chosen) > 1_000
    assert len(hopeless) > 20
    dead = _dead(run, "storm")
    assert set(dead) == hopeless
    assert set(dead.values()) == {"400 Bad Request: no such customer", "500 Internal Server Error: always"}
    for customer, sequences in receiver.histories().items():
        assert sequences == sorted(sequences), f"{customer} out of order"


def test_the_first_run_begins_with_what_comes_and_one_that_was_stopped_politely_repeats_nothing(
    run: Local, dataset: Dataset, receiver: Receiver, tmp_path: Path
) -> None:
    environment = environment_of(run, receiver, "newcomer")
    before = _published(run)
    with Running(environment, tmp_path) as webhook:
        wait_until(lambda: _saved(run, "newcomer") == (len(before), 0))
        replay = Thread(target=run.replay, args=(dataset, _section(dataset, 2 * PART, 3 * PART)))
        replay.start()
        wait_until(lambda: len(receiver.ids()) > 50)
        assert webhook.ctrl_c() == 0
    replay.join()
    new = _published(run) - before
    with Running(environment, tmp_path) as webhook:
        wait_until(lambda: set(receiver.ids()) == new)
        assert webhook.ctrl_c() == 0
        assert "delivered, 0 abandoned" in webhook.said()
    assert sorted(receiver.ids()) == sorted(new)
    assert 1 < receiver.busiest <= 8


def test_one_customer_who_waits_holds_back_nobody_else(run: Local, receiver: Receiver, tmp_path: Path) -> None:
    histories: dict[str, list[int]] = {}
    for change in run.topic():
        histories.setdefault(change["customer_id"], []).append(change["sequence"])
    slow = max(histories, key=lambda customer: len(histories[customer]))
    mended = Event()
    receiver.answer = lambda event, _: Answer(503 if event["subject"] == slow and not mended.is_set() else 200)
    environment = environment_of(run, receiver, "patient", webhook_attempts=10_000)
    with Running(environment, tmp_path, "--from-beginning") as webhook:
        others = {name: each for name, each in histories.items() if name != slow}
        wait_until(lambda: receiver.histories() == others)
        wait_until(lambda: _saved(run, "patient")[1] == len(histories[slow]))
        assert {event_id for event_id, _ in receiver.requests if event_id.startswith(f"{slow}:")} == {f"{slow}:1"}
        mended.set()
        wait_until(lambda: receiver.histories() == histories)
        assert webhook.ctrl_c() == 0


def test_a_receiver_that_says_when_to_come_again_is_left_alone_until_then(
    run: Local, receiver: Receiver, tmp_path: Path
) -> None:
    times: list[float] = []

    def busy(event: dict[str, Any], attempt: int) -> Answer:
        times.append(time.monotonic())
        return Answer(429, {"retry-after": "2"}) if len(times) == 1 else Answer()

    receiver.answer = busy
    environment = environment_of(run, receiver, "polite", webhook_concurrency=1, webhook_attempts=1)
    with Running(environment, tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: len(times) > 5)
        assert webhook.ctrl_c() == 0
    assert times[1] - times[0] >= 2.0
    assert _dead(run, "polite") == {}


def test_what_was_given_up_can_be_seen_and_sent_again_once_the_receiver_is_mended(
    run: Local, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = lambda event, _: Answer(404, body=b"nobody [here]")
    chosen = _published(run, lambda change: change["cause"] == "purchase" and change["frequency"] >= 5)
    environment = environment_of(run, receiver, "mended", webhook_where="cause = purchase and frequency >= 5")
    with Running(environment, tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: set(_dead(run, "mended")) == chosen)
        assert webhook.ctrl_c() == 0
    assert len(chosen) > 5
    # Not one of them was sent twice: 404 is final.
    assert len(receiver.requests) == len(chosen)

    told = json.loads(_segue(environment, "dead", "--json").stdout)
    reason = "404 Not Found: nobody [here]"
    assert told["reasons"] == [{"reason": reason, "waiting": len(chosen), "delivered": 0}]
    assert {letter["event"]["id"] for letter in told["dead_letters"]} <= chosen
    assert reason in _segue(environment, "dead").stdout
    assert f"│ {len(chosen)} │" in " ".join(_segue(environment, "status").stdout.split())

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
    assert "there is no dead letter nobody:1" in str(_segue(environment, "retry", "nobody:1").exception)


def test_whether_changes_arrive_can_be_asked_over_http(run: Local, receiver: Receiver, tmp_path: Path) -> None:
    mended = Event()
    receiver.answer = lambda event, _: Answer(200 if mended.is_set() else 503)
    [port] = free_ports(1)
    environment = environment_of(run, receiver, "asked", webhook_attempts=10_000, web_port=port)
    address = f"http://127.0.0.1:{port}"
    published = len(run.topic())
    with Running(environment, tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: "seems to be down" in webhook.said())
        assert httpx.get(f"{address}/readyz").status_code == 503
        assert httpx.get(f"{address}/healthz").status_code == 200
        assert "segue_webhook_receiver_down 1.0" in httpx.get(f"{address}/metrics").text
        mended.set()
        wait_until(lambda: f"segue_webhook_delivered_total {published}.0" in httpx.get(f"{address}/metrics").text, 120)
        assert httpx.get(f"{address}/readyz").json() == {"ready": True, "reasons": [], "waiting": 0}
        assert webhook.ctrl_c() == 0


def test_redirects_are_not_followed(run: Local, receiver: Receiver, tmp_path: Path) -> None:
    elsewhere = Receiver()
    elsewhere.start()
    receiver.answer = lambda event, _: Answer(307, {"location": elsewhere.url})
    environment = environment_of(run, receiver, "redirected", webhook_where="sequence = 5")
    with Running(environment, tmp_path, "--from-beginning"):
        wait_until(lambda: bool(_dead(run, "redirected")))
    elsewhere.stop()
    assert "redirects are not followed" in next(iter(_dead(run, "redirected").values()))
    assert elsewhere.requests == []


def test_of_two_processes_for_the_same_webhook_the_earlier_one_ends(
    run: Local, dataset: Dataset, receiver: Receiver, tmp_path: Path
) -> None:
    environment = environment_of(run, receiver, "twice", webhook_where="customer = nobody")
    with Running(environment, tmp_path) as earlier:
        wait_until(lambda: "Sending changes" in earlier.said())
        with Running(environment, tmp_path) as later:
            wait_until(lambda: "Sending changes" in later.said())
            run.replay(dataset, _section(dataset, 3 * PART, 3 * PART + 300))
            assert earlier.ended() == 1
            assert "another process delivers for the webhook 'twice' now" in earlier.said()
            published = len(run.topic())
            wait_until(lambda: _saved(run, "twice") == (published, 0))
            assert later.ctrl_c() == 0


def test_requests_are_cloudevents_as_their_sdk_reads_them(run: Local, receiver: Receiver, tmp_path: Path) -> None:
    with Running(environment_of(run, receiver, "sdk"), tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: len(receiver.raw) > 50)
        assert webhook.ctrl_c() == 0
    changes = {f"{change['customer_id']}:{change['sequence']}": change for change in run.topic()}
    for headers, body in receiver.raw:
        event = from_structured_event(HTTPMessage(headers, body))
        assert (event.get_specversion(), event.get_type()) == ("1.0", "segue.segment.changed.v1")
        assert event.get_data() == changes[event.get_id()]
        assert headers["webhook-id"] == event.get_id()


def test_while_postgres_is_away_deliveries_wait_for_it_and_nothing_is_lost(
    run: Local, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answer = lambda event, _: Answer(after=0.01)
    published = _published(run)
    with Running(environment_of(run, receiver, "alone"), tmp_path, "--from-beginning") as webhook:
        wait_until(lambda: len(receiver.ids()) > 20)
        run.stack.postgres.halt("immediate")
        wait_until(lambda: "can't save" in webhook.said())
        run.stack.postgres.resume()
        wait_until(lambda: _saved(run, "alone") == (len(published), 0), 120)
        assert webhook.ctrl_c() == 0
    assert sorted(receiver.ids()) == sorted(published)


def test_the_receiver_of_the_documentation_works(run: Local, receiver: Receiver, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    [program] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    [port] = free_ports(1)
    environment = environment_of(run, receiver, "documented", webhook_url=f"http://127.0.0.1:{port}/segue")
    written = tmp_path / "stdout.txt"
    with written.open("w") as output:
        command = [sys.executable, "-c", program.replace("8080", str(port))]
        served = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.DEVNULL)
    try:
        with Running(environment, tmp_path, "--from-beginning") as webhook:
            published = len(run.topic())
            wait_until(lambda: _saved(run, "documented") == (published, 0), 120)
            assert webhook.ctrl_c() == 0
    finally:
        served.kill()
        served.wait()
    latest = {change["customer_id"]: change["to"]["persona"] for change in run.topic()}
    said = dict(line.split(" is now ") for line in written.read_text().splitlines())
    assert said == latest
