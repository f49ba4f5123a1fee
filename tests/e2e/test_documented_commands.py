"""The commands of the pages that no other test runs, on one local stack that docs/live.md itself starts."""

import json
import random
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql

from data.contract.wire import Transaction
from data.kafka.record_writer import RecordWriter
from data.postgres import progress
from data.postgres.database import engine
from runtime.running_stack import STACK_FILE
from runtime.settings import Settings
from segue.local.ports import free_ports
from tests.support.commands import segue, tried
from tests.support.documented import Shell, block, blocks, commands
from tests.support.local_stack import PATIENCE, wait_until
from tests.support.shop_files import ORDERS
from tests.support.web import answers
from tests.support.webhook_receiver import SECRET, Answer, Receiver

CUSTOMERS, ORDERED = 80, 700
END = datetime(2026, 3, 1, tzinfo=UTC)
"""When the shop's history ends."""


def orders(layout: str) -> str:
    """A history of two years; ``layout`` is that of its moments."""
    chance = random.Random(4)
    lines = [ORDERS]
    for number in range(ORDERED):
        customer = int(CUSTOMERS * chance.random() ** 2)
        at = END - timedelta(minutes=chance.randrange(10, 2 * 365 * 24 * 60))
        lines.append(f"o{number},c{customer},{at.strftime(layout)},{chance.lognormvariate(3, 1):.2f}")
    return "\n".join([*lines, ""])


def order(customer: str, amount: str) -> Transaction:
    """The only order of a customer, just now."""
    return Transaction(customer, customer, datetime.now(UTC), "sale", amount, "GBP", "UK", [])


class Shop:
    """A running stack with a shop's history, and a shell beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = free_ports(2)
        state = folder / "state"
        self.shell = Shell(
            folder,
            {"SEGUE_STATE_DIR": str(state), "NO_PROXY": "*"},
            {
                "segue up": f"segue up --port {self.ports[0]}",
                "segue api": f"segue api --port {self.ports[1]}",
                "127.0.0.1:8600": f"127.0.0.1:{self.ports[1]}",
                "FILE": "orders.csv",
            },
        )
        self._state = state
        (folder / "orders.csv").write_text(orders("%Y-%m-%d %H:%M"))

    @property
    def settings(self) -> Settings:
        """Where the stack that runs now is reached."""
        return Settings(state_dir=self._state)

    def totals(self) -> progress.StreamTotals:
        """What Postgres counts."""
        postgres = engine(self.settings.database)
        try:
            return progress.totals(postgres)
        finally:
            postgres.dispose()

    def status(self) -> dict[str, Any]:
        """What `segue status` says, also while it finds something wrong."""
        found: dict[str, Any] = json.loads(tried(self._state, "status", "--json").stdout)
        return found

    def dead_letters(self, what: str) -> list[dict[str, Any]]:
        """The `reasons` or the `dead_letters` that `segue dlq list` lists."""
        found: list[dict[str, Any]] = json.loads(segue(self._state, "dlq", "list", "--json", "--limit", "1000"))[what]
        return found

    def shows(self, command: str, pattern: str) -> bool:
        """Whether a `segue` command shows something; it can be asked often, since it runs in this process."""
        return re.search(pattern, tried(self._state, *shlex.split(command)[1:]).stdout) is not None

    def replay(self) -> str:
        """What `segue status` says about the last replay."""
        return self.status()["replay"] or ""

    def write(self, topic: str, *records: tuple[str, Any]) -> None:
        """Write records, each a key and a value, and wait until the broker has them."""
        writer = RecordWriter(self.settings.brokers)
        for key, value in records:
            writer.write(topic, msgspec.json.encode(value), key.encode())
        assert writer.flush(PATIENCE) == 0


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The stack that the commands of docs/live.md start."""
    here = Shop(tmp_path_factory.mktemp("documented"))
    try:
        for command in commands(block("docs/live.md", "segue clock &")):
            if command == "segue up":
                here.shell.start(command)
                wait_until((here.folder / "state" / STACK_FILE).exists)
                wait_until(lambda: "partitions" in tried(here.folder / "state", "status", "--json").stdout)
            else:
                here.shell.run(command)
        wait_until(lambda: answers(f"http://127.0.0.1:{here.ports[1]}/healthz"))
        yield here
    finally:
        here.shell.close()


def test_a_live_stream_begins_with_its_history(shop: Shop) -> None:
    status = shop.status()
    assert status["transactions"] == ORDERED
    assert status["dead_letters"] == 0


def test_time_passes_from_the_start_of_the_clock(shop: Shop) -> None:
    now = datetime.now(UTC) - timedelta(minutes=10)
    wait_until(lambda: all(datetime.fromisoformat(each["event_time"]) > now for each in shop.status()["partitions"]))


def test_a_file_is_described_and_fitted(shop: Shop) -> None:
    shell = shop.shell
    (shop.folder / "daily.csv").write_text(orders("%d/%m/%Y %H:%M"))
    done = [
        shell.run(command, **{"orders.csv": "daily.csv"}) for command in commands(block("docs/files.md", "describe"))
    ]
    assert f"{ORDERED}" in done[0]
    assert "day_first = true" in (shop.folder / "shop.toml").read_text()
    assert "Model k5-" in done[-1]


def test_a_key_posts_an_order(shop: Shop) -> None:
    before = shop.totals().transactions
    made = {
        command: shop.shell.run(command)
        for command in commands(block("docs/api.md", "segue keys create"))
        if "revoke" not in command
    }
    [key] = re.findall(r"segue_\S+", made["segue keys create till --write"])
    assert json.loads(shop.shell.run(f"KEY={key}; {block('docs/api.md', 'curl').text}")) == {"accepted": 1}
    wait_until(lambda: shop.totals().transactions == before + 1)
    [listed] = re.findall(r"^\W*(\w+).*\btill\b", shop.shell.run("segue keys list"), re.MULTILINE)
    shop.shell.run("segue keys revoke ID", ID=listed)
    recorded = [shop.shell.run(command) for command in commands(block("docs/security.md", "segue audit"))]
    assert "keys revoke" in recorded[0]


def test_orders_of_a_topic_are_ingested(shop: Shop) -> None:
    (shop.folder / "shop.toml").write_text(block("docs/ingest.md", "items.qty").text.replace("EUR", "GBP"))
    bought = {
        "id": "t1",
        "customer": {"email": "bob@example.org"},
        "created_at": "2026-03-01T12:00:00Z",
        "items": [{"qty": 2, "price": "3.50"}],
    }
    shop.write("orders", ("bob", bought), ("bob", bought | {"id": "t2", "items": []}))
    before = shop.totals().transactions
    dry, run, letters = commands(block("docs/ingest.md", "--dry-run 10"))
    assert "bob@example.org" in shop.shell.run(dry)
    shop.shell.start(run)
    wait_until(lambda: shop.totals().transactions == before + 1)
    wait_until(lambda: shop.shows(letters, r"\d:\d"))
    assert re.search(r"\d:\d", shop.shell.run(letters))
    shop.shell.stop("segue ingest")
    listed, shown = commands(block("docs/dead_letters.md", "--topic orders"))
    [place] = re.findall(r"\b\d:\d+\b", shop.shell.run(listed))
    assert '"t2"' in shop.shell.run(shown, **{"2:1041": place})


def test_an_edited_order_of_a_topic_is_a_revision(shop: Shop) -> None:
    (shop.folder / "edits.toml").write_text(block("docs/ingest.md", "revision = ").text)
    order = {"id": "e1", "email": "ann@example.org", "created_at": "2026-03-01", "total": "5", "status": "paid"}
    shop.write("edits", ("ann", order | {"updated_at": "1970-01-01T00:00:07Z"}))
    dry, *_ = commands(block("docs/ingest.md", "--dry-run 10"))
    shown = shop.shell.run(dry, **{"topic orders": "topic edits", "shop.toml": "edits.toml"})
    assert "revision 7000000" in " ".join(shown.split())


def test_an_untidy_replay_leaves_dead_letters_that_are_retried_and_discarded(shop: Shop) -> None:
    [untidy] = commands(block("docs/operations.md", "--chaos"))
    shop.shell.run(f"{untidy} --speed max", **{"malformed=0.001": "malformed=0.05"})
    listed, chosen, shown, *retries, discard = commands(block("docs/dead_letters.md", "segue dlq retry --all"))
    [place, *_] = re.findall(r"\b\d:\d+\b", shop.shell.run(listed))
    [reason] = [each["reason"] for each in shop.dead_letters("dead_letters") if each["id"] == place]
    here = {"2:1041": place, "murmur2_random": shlex.quote(reason), "currency": shlex.quote(reason)}
    assert {each["reason"] for each in json.loads(shop.shell.run(chosen, **here))["dead_letters"]} == {reason}
    assert f"offset: {place.split(':')[1]}" in shop.shell.run(shown, **here)
    before = shop.totals().dead_letters
    for command in retries:
        shop.shell.run(command, **here)
    assert sum(each["retried"] for each in shop.dead_letters("reasons")) >= before > 0
    # They are as unusable as they were.
    wait_until(lambda: counted(shop, reason)["waiting"] > 0)
    shop.shell.run(discard, **here)
    assert counted(shop, reason)["discarded"] > 0


def counted(shop: Shop, reason: str) -> dict[str, int]:
    """What has become of the dead letters with a reason."""
    [found] = [each for each in shop.dead_letters("reasons") if each["reason"] == reason]
    return found


def test_a_replay_is_paused_and_goes_on(shop: Shop) -> None:
    # It lasts until it is stopped: the history has two years.
    shop.shell.start("segue replay FILE --speed 1d/s")
    wait_until(lambda: " running at " in shop.replay())
    pause, speed, resume = commands(block("docs/operations.md", "segue control pause"))
    shop.shell.run(pause)
    wait_until(lambda: " paused at " in shop.replay())
    shop.shell.run(speed)
    wait_until(lambda: shop.replay().endswith("12h/s"))
    shop.shell.run(resume)
    wait_until(lambda: " running at " in shop.replay())
    shop.shell.stop("segue replay")


def test_a_customer_is_forgotten(shop: Shop) -> None:
    [forget] = commands(block("docs/forgetting.md", "segue forget"))
    assert shop.shell.run("segue customer c1")
    shop.shell.run(forget, answer="y", CUSTOMER="c1")
    assert shop.status()["forgotten"]["customers"] == 1


def test_a_webhook_delivers_and_reports(shop: Shop, receiver: Receiver) -> None:
    *exports, run = commands(block("docs/webhooks.md", "SEGUE_WEBHOOK_SECRET="))
    here = {
        "https://crm.example/segue": receiver.url,
        '"whsec_$(openssl rand -base64 32)"': SECRET,
        # This shop has other segments than the demo.
        "to = Hibernating": "to != none",
    }
    settings = "\n".join(exports)
    for there, then in here.items():
        assert there in settings
        settings = settings.replace(there, then)
    (shop.folder / "webhook.sh").write_text(settings)
    shop.shell.start(f"bash -c '. ./webhook.sh; exec {run}'")
    lines = [*commands(block("docs/webhooks.md", "retry --all"))]
    status, dead, retry, retry_all = (f". ./webhook.sh; {line}" for line in lines)
    # A webhook is listed as soon as it has a place in the topic.
    wait_until(lambda: shop.shows(lines[0], "│ webhook "))
    assert "│ webhook " in shop.shell.run(status)
    refused = {"unlucky", "hapless"}
    receiver.answer = lambda event, attempt: Answer(400 if event["subject"] in refused else 200)
    spent = {"frugal": "5", "spender": "2000", **dict.fromkeys(sorted(refused), "3000")}

    def delivered() -> list[str]:
        """The changes of these customers: time may move others meanwhile."""
        return [each for each in receiver.ids() if each.partition(":")[0] in spent]

    shop.write(shop.settings.transactions_topic, *((who, order(who, amount)) for who, amount in spent.items()))
    wait_until(lambda: all(shop.shows(lines[1], f"{who}:1") for who in refused))
    assert all(f"{who}:1" in shop.shell.run(dead) for who in refused)
    wait_until(lambda: delivered() == ["spender:1"])
    refused.clear()
    shop.shell.run(retry, **{"14129:3": "unlucky:1"})
    assert delivered() == ["spender:1", "unlucky:1"]
    shop.shell.run(retry_all)
    assert delivered() == ["spender:1", "unlucky:1", "hapless:1"]
    shop.shell.stop("bash")


def test_roles_of_a_shop_get_the_rights_of_the_page(shop: Shop) -> None:
    granted = [each.text for each in blocks("docs/security.md") if each.language == "sql"]
    assert len(granted) >= 3
    created = sorted(set(re.findall(r"\bshop_\w+", " ".join(granted))))
    with psycopg.connect(shop.settings.database) as connection:
        for role in created:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        for statements in granted:
            connection.execute(sql.SQL(statements))
        for role, member in re.findall(r"GRANT (\w+) TO (\w+)", " ".join(granted)):
            assert connection.execute("SELECT pg_has_role(%s, %s, 'USAGE')", (member, role)).fetchone() == (True,)
        connection.rollback()
