"""The commands of the pages that no other test runs, on one local stack that docs/live.md itself starts."""

import json
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from data.kafka.record_writer import RecordWriter
from data.postgres import progress
from data.postgres.database import engine
from runtime.running_stack import STACK_FILE
from runtime.settings import Settings
from segue.local.ports import free_ports
from tests.support.documented import Block, Shell, blocks, commands
from tests.support.local_stack import wait_until
from tests.support.shop_files import ORDERS
from tests.support.web import answers
from tests.support.webhook_receiver import Receiver

CUSTOMERS = 80
END = datetime(2026, 3, 1, tzinfo=UTC)
"""When the shop's history ends."""


def orders(layout: str) -> str:
    """A history of two years; ``layout`` is that of its moments."""
    chance = random.Random(4)
    lines = [ORDERS]
    for number in range(700):
        customer = int(CUSTOMERS * chance.random() ** 2)
        at = END - timedelta(minutes=chance.randrange(10, 2 * 365 * 24 * 60))
        lines.append(f"o{number},c{customer},{at.strftime(layout)},{chance.lognormvariate(3, 1):.2f}")
    return "\n".join([*lines, ""])


class Shop:
    """A running stack with a shop's history, and a shell beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = free_ports(2)
        state = folder / "state"
        self.shell = Shell(
            folder,
            {"SEGUE_STATE_DIR": str(state)},
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

    def status(self) -> dict[str, object]:
        """What `segue status` says."""
        found: dict[str, object] = json.loads(self.shell.run("segue status --json || true"))
        return found


def of(page: str, about: str) -> Block:
    """The one block of a page that has a text."""
    [found] = [block for block in blocks(page) if about in block.text]
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The stack that the commands of docs/live.md start."""
    here = Shop(tmp_path_factory.mktemp("documented"))
    try:
        for command in commands(of("docs/live.md", "segue clock &")):
            if command == "segue up":
                here.shell.start(command)
                wait_until((here.folder / "state" / STACK_FILE).exists)
                wait_until(lambda: "partitions" in here.shell.run("segue status --json || true"))
            else:
                here.shell.run(command)
        wait_until(lambda: answers(f"http://127.0.0.1:{here.ports[1]}/healthz"))
        yield here
    finally:
        here.shell.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    made.start()
    yield made
    made.stop()


def test_a_live_stream_begins_with_its_history(shop: Shop) -> None:
    status = shop.status()
    assert status["transactions"] == 700
    assert status["dead_letters"] == 0


def test_a_file_is_described_and_fitted(shop: Shop) -> None:
    shell = shop.shell
    (shop.folder / "daily.csv").write_text(orders("%d/%m/%Y %H:%M"))
    done = [shell.run(command, **{"orders.csv": "daily.csv"}) for command in commands(of("docs/files.md", "describe"))]
    assert "700" in done[0]
    assert "day_first = true" in (shop.folder / "shop.toml").read_text()
    assert "Model k5-" in done[-1]


def test_a_key_posts_an_order(shop: Shop) -> None:
    made = {
        command: shop.shell.run(command)
        for command in commands(of("docs/api.md", "segue keys create"))
        if "revoke" not in command
    }
    [key] = re.findall(r"segue_\S+", made["segue keys create till --write"])
    assert json.loads(shop.shell.run(f"KEY={key}; {of('docs/api.md', 'curl').text}")) == {"accepted": 1}
    wait_until(lambda: shop.totals().transactions == 701)
    [listed] = re.findall(r"^\W*(\w+).*\btill\b", shop.shell.run("segue keys list"), re.MULTILINE)
    shop.shell.run("segue keys revoke ID", ID=listed)
    recorded = [shop.shell.run(command) for command in commands(of("docs/security.md", "segue audit"))]
    assert "keys revoke" in recorded[0]


def test_orders_of_a_topic_are_ingested(shop: Shop) -> None:
    (shop.folder / "shop.toml").write_text(of("docs/ingest.md", "items.qty").text.replace("EUR", "GBP"))
    order = {
        "id": "t1",
        "customer": {"email": "bob@example.org"},
        "created_at": "2026-03-01T12:00:00Z",
        "items": [{"qty": 2, "price": "3.50"}],
    }
    writer = RecordWriter(shop.settings.brokers)
    for value in (order, order | {"id": "t2", "items": []}):
        writer.write("orders", json.dumps(value).encode(), b"bob")
    assert writer.flush() == 0
    before = shop.totals().transactions
    dry, run, letters = commands(of("docs/ingest.md", "--dry-run 10"))
    assert "bob@example.org" in shop.shell.run(dry)
    shop.shell.start(run)
    wait_until(lambda: shop.totals().transactions == before + 1)
    wait_until(lambda: re.search(r"\d:\d", shop.shell.run(letters)) is not None)
    shop.shell.stop("segue ingest")
    listed, shown = commands(of("docs/dead_letters.md", "--topic orders"))
    [place] = re.findall(r"\b\d:\d+\b", shop.shell.run(listed))
    assert '"t2"' in shop.shell.run(shown, **{"2:1041": place})


def test_an_untidy_replay_leaves_dead_letters_that_can_be_retried(shop: Shop) -> None:
    [untidy] = commands(of("docs/operations.md", "--chaos"))
    shop.shell.run(f"{untidy} --speed max", **{"malformed=0.001": "malformed=0.05"})
    wait_until(lambda: shop.totals().dead_letters > 0)
    letters = list(commands(of("docs/dead_letters.md", "segue dlq retry --all")))
    [place, *_] = re.findall(r"\b\d:\d+\b", shop.shell.run("segue dlq list"))
    for command in letters:
        shop.shell.run(command, **{"2:1041": place, "murmur2_random": "number", "currency": "JSON"})


def test_a_replay_is_paused_and_goes_on(shop: Shop) -> None:
    shop.shell.start("segue replay FILE --speed 30d/s")
    wait_until(lambda: "replay" in shop.status() and shop.status()["replay"] is not None)
    pause, speed, resume = commands(of("docs/operations.md", "segue control pause"))
    for command in (pause, speed, resume):
        shop.shell.run(command)
    shop.shell.stop("segue replay")


def test_a_customer_is_forgotten(shop: Shop) -> None:
    [forget] = commands(of("docs/forgetting.md", "segue forget"))
    assert shop.shell.run("segue customer c1")
    shop.shell.run(forget, answer="y", CUSTOMER="c1")
    assert shop.status()["forgotten"]["customers"] == 1  # type: ignore[index]


def test_a_webhook_delivers_and_reports(shop: Shop, receiver: Receiver) -> None:
    *exports, run = commands(of("docs/webhooks.md", "segue webhooks run"))
    settings = "; ".join(exports).replace("https://crm.example/segue", receiver.url)
    (shop.folder / "webhook.sh").write_text(settings)
    shop.shell.start(f"bash -c '. ./webhook.sh; exec {run}'")
    status, dead, _, retry_all = (f". ./webhook.sh; {line}" for line in commands(of("docs/webhooks.md", "retry --all")))
    wait_until(lambda: "delivered" in shop.shell.run(status))
    for command in (dead, retry_all):
        shop.shell.run(command)
    shop.shell.stop("bash")


def test_roles_of_a_shop_get_the_rights_of_the_page(shop: Shop) -> None:
    granted = [block.text for block in blocks("docs/security.md") if block.language == "sql"]
    assert len(granted) >= 3
    created = sorted(set(re.findall(r"\bshop_\w+", " ".join(granted))))
    with psycopg.connect(shop.settings.database) as connection:
        for role in created:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        for statements in granted:
            connection.execute(sql.SQL(statements))
        connection.rollback()
