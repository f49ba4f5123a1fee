"""Take a shop live: its history from a file, then orders over HTTP and from a topic, while time passes by itself.

The exit code is 0 only if every order is in the stream once, time alone has moved customers, the dashboard and the HTTP
API agree, and a recomputation from all orders finds no difference.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from confluent_kafka import Producer

from data.kafka.log import create_topics
from examples.any_shop.run import (
    PATIENCE,
    DisagreementError,
    Shop,
    applied,
    check,
    free_port,
    opened_window,
    say,
    wait_until,
)
from examples.live_shop.make_orders import Order, history, today, write
from runtime.settings import Settings

TOPIC = "shop.orders"
ORDERS = 60
GRACE = timedelta(seconds=5)  # so short because nobody sells but this script
MAPPING = """\
[columns]
transaction = "id"
customer = "customer.email"
time = "created_at"
amount = "total"

[money]
currency = "EUR"
"""


def main() -> int:
    """Run the example; returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", type=Path, help="keep all files in this folder")
    options.add_argument("--broker", choices=("embedded", "apache"), default="embedded", help="apache is a real Kafka")
    options.add_argument("--no-pages", action="store_true", help="do not look at the dashboard in a browser")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (chosen.folder or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            run(Shop(folder, chosen.broker), pages=not chosen.no_pages)
        except DisagreementError as error:
            sys.stderr.write(f"failed: {error}\n")
            return 1
    say("Everything agrees.")
    return 0


def run(shop: Shop, *, pages: bool) -> None:
    """Replay the history, go live, and compare everything with everything."""
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
    file, later = shop.folder / "history.csv", shop.folder / "live.csv"
    known = history(due)
    write(file, known)
    shop.mapping.write_text(MAPPING)
    port, api_port = free_port(), free_port()
    with shop.stack(port), ExitStack() as processes:
        shop.segue("fit", str(file), "--k", "4")
        shop.segue("replay", str(file), "--speed", "max")
        wait_until(lambda: applied(shop) == len(known), "the history to be applied")
        key = shop.segue("keys", "create", "till", "--read", "--write").stdout.strip()
        processes.enter_context(process(shop, "clock", "--grace", f"{GRACE.seconds}s"))
        processes.enter_context(process(shop, "api", "--port", str(api_port)))
        headers = {"Authorization": f"Bearer {key}"}
        api = processes.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{api_port}", headers=headers, timeout=PATIENCE)
        )
        wait_until(lambda: is_ready(api), "the HTTP API")
        orders = sell(shop, api, processes)
        write(later, orders)
        wait_until(lambda: applied(shop) == len(known) + len(orders), "all orders to be applied")
        wait_until(lambda: datetime.now(UTC) > due + GRACE, "the moment at which a day passes for everybody")
        wait_until(lambda: bool(decayed(shop, due)), "time to move a customer")
        quiet = {change["data"]["customer_id"] for change in decayed(shop, due)}
        say(f"Time alone has moved {len(quiet)} customers at {due:%H:%M:%S} UTC.")
        compare(api, port, [*sorted(quiet)[:2], orders[0].customer, orders[-1].customer], pages=pages)
        found = json.loads(shop.segue("reconcile", str(file), str(later), "--json").stdout)
        check("differences between all orders and the stream", found["differences"], [])


def sell(shop: Shop, api: httpx.Client, processes: ExitStack) -> list[Order]:
    """Orders of two tills over HTTP, and of a web shop whose database is in a topic; returns all of them."""
    brokers = Settings(state_dir=shop.folder / "stack").brokers
    if shop.broker == "apache":  # the embedded broker creates a topic when it is first used
        create_topics(brokers, {TOPIC: {}}, 3)
    producer = Producer(brokers.config)
    web = today("web", ORDERS, datetime.now(UTC).replace(microsecond=0))
    for order in web[: ORDERS // 2]:
        producer.produce(TOPIC, change_event(order), order.customer)
    producer.flush()
    say(shop.segue("ingest", "--topic", TOPIC, "--mapping", str(shop.mapping), "--dry-run", "2").stdout)
    processes.enter_context(process(shop, "ingest", "--topic", TOPIC, "--mapping", str(shop.mapping)))
    till = today("till", ORDERS, datetime.now(UTC).replace(microsecond=0))
    for order in till:
        answer = api.post("/v1/transactions", json=posted(order))
        check(f"the answer to order {order.number}", (answer.status_code, answer.text), (202, '{"accepted":1}'))
    for order in web[ORDERS // 2 :]:
        producer.produce(TOPIC, change_event(order), order.customer)
    producer.produce(TOPIC, change_event(web[0]), web[0].customer)  # Debezium may write an event again
    producer.flush()
    return [*web, *till]


def posted(order: Order) -> dict[str, str]:
    """An order for the HTTP API."""
    return {
        "transaction_id": order.number,
        "customer_id": order.customer,
        "occurred_at": order.at.isoformat(),
        "kind": "sale",
        "amount": str(order.total),
        "currency": "EUR",
    }


def change_event(order: Order) -> bytes:
    """An order as Debezium writes the row of a database."""
    row = {
        "id": order.number,
        "customer": {"email": order.customer},
        "created_at": int(order.at.timestamp() * 1_000_000),
        "total": str(order.total),
    }
    return json.dumps({"before": None, "after": row, "source": {"table": "orders"}, "op": "c"}).encode()


def decayed(shop: Shop, due: datetime) -> list[dict[str, Any]]:
    """The changes that time alone caused at a moment."""
    lines = shop.segue("changes", "--since", (due - timedelta(seconds=1)).isoformat()).stdout.splitlines()
    changes = [json.loads(line) for line in lines]
    return [
        change
        for change in changes
        if change["data"]["cause"] == "decay" and datetime.fromisoformat(change["data"]["effective_at"]) == due
    ]


def compare(api: httpx.Client, port: int, customers: list[str], *, pages: bool) -> None:
    """Compare the HTTP API with itself, and with the dashboard if a browser is there."""
    listed: dict[str, str] = {}
    after: str | None = ""
    while after is not None:
        page = api.get("/v1/customers", params={"after": after, "limit": 1_000}).json()
        listed |= {each["customer_id"]: each["segment"]["persona"] for each in page["customers"]}
        after = page["after"]
    say(f"The HTTP API knows {len(listed)} customers.")
    for customer in customers:
        check(f"whether {customer} is in the list", customer in listed, True)
    chromium = shutil.which("chromium") if pages else None
    if chromium is None:
        say("The dashboard is not looked at.")
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, opened_window(playwright, chromium) as window:
        for customer in customers:
            page = window.new_page()
            page.set_default_timeout(PATIENCE * 1_000)
            page.goto(f"http://127.0.0.1:{port}/customer?customer={quote(customer)}")
            shown = page.locator(".sg-who").first.inner_text()
            persona = api.get(f"/v1/customers/{quote(customer, safe='')}").json()["segment"]["persona"]
            check(f"whether the dashboard shows {customer} as {persona}", persona.casefold() in shown.casefold(), True)
            page.close()


@contextmanager
def process(shop: Shop, *arguments: str) -> Iterator[None]:
    """A process beside the stack, which must end cleanly."""
    say(f"$ segue {' '.join(arguments)} &")
    command = [sys.executable, "-m", "segue", *arguments]
    log = shop.folder / f"{arguments[0]}.log"
    with (
        log.open("w") as output,
        subprocess.Popen(command, env=shop.environment, stdout=output, stderr=output) as child,
    ):
        try:
            yield
            check(f"the exit code of {arguments[0]}, which should run", child.poll(), None)
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(PATIENCE)


def is_ready(api: httpx.Client) -> bool:
    """Whether the HTTP API answers."""
    try:
        return api.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    sys.exit(main())
