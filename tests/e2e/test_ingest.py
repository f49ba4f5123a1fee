"""Orders that are already in a topic come into the ledger, whatever becomes of the process that ingests them."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from sqlalchemy import func, select

from data.postgres.tables import customers, transactions
from models.units import to_micros
from segue.local.processes import ChildProcess
from tests.support.commands import in_process
from tests.support.generated_tables import a_model
from tests.support.local_stack import Local, local, wait_until

EDITED = datetime(2011, 10, 11, 8, 26, tzinfo=UTC)
MAPPING = """
[columns]
transaction = "id"
customer = "customer.email"
time = "created"
amount = "total"
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with local(tmp_path_factory.mktemp("ingest"), a_model()) as running:
        yield running


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    file = tmp_path / "shop.toml"
    file.write_text(MAPPING)
    return file


def order(number: int, topic: str, **others: Any) -> dict[str, Any]:
    customer = {"email": f"{topic}-{number % 7}@example.org"}
    created = f"2011-{1 + number % 9:02}-11T08:26:00Z"
    return {"id": f"{topic}-{number}", "customer": customer, "created": created, "total": 12.5 + number} | others


def send(running: Local, topic: str, *values: Any) -> None:
    producer = Producer(running.settings.brokers.config)
    for value in values:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        producer.produce(topic, None if value is None else content, b"a key")
    producer.flush()


def known(running: Local, topic: str) -> list[str]:
    with running.postgres.connect() as connection:
        ids = connection.execute(select(transactions.c.transaction_id)).scalars().all()
    return sorted(each for each in ids if each.startswith(f"{topic}-"))


def expected(topic: str, count: int) -> list[str]:
    return sorted(f"{topic}-{number}" for number in range(count))


def killed(process: ChildProcess) -> None:
    os.kill(process.pid, signal.SIGKILL)


def test_orders_come_into_the_ledger_and_what_cannot_be_mapped_is_a_dead_letter(
    running: Local, mapping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_STATE_DIR", str(running.stack.state_dir))
    orders = [order(number, "plain") for number in range(30)]
    wrong = order(99, "plain", total="12,x")
    send(running, "plain", *orders[:15], None, wrong, *orders[15:], orders[0])
    process = running.stack.start_ingest("plain", mapping)
    try:
        wait_until(lambda: known(running, "plain") == expected("plain", 30))
        wait_until(lambda: "12,x" in in_process("dlq", "list", "--topic", "plain").stdout)
        listed = json.loads(in_process("dlq", "list", "--topic", "plain", "--json").stdout)
        (letter,) = listed["dead_letters"]
        assert letter["reason"] == "total: '12,x' is not a number"
        shown = in_process("dlq", "show", letter["id"], "--topic", "plain").stdout
        assert "a key" in shown
        assert '"12,x"' in shown
    finally:
        running.stack.dismiss(process)
    assert process.exit_code == 0, "SIGTERM ends it cleanly"


def test_no_order_is_lost_or_counted_twice_if_the_process_is_killed(running: Local, mapping: Path) -> None:
    send(running, "killed", order(0, "killed"))
    process = running.stack.start_ingest("killed", mapping)
    try:
        for batch in range(1, 5):
            send(running, "killed", *(order(number, "killed") for number in range(batch * 500)))
            wait_until(lambda batch=batch: len(known(running, "killed")) > (batch - 1) * 500)  # type: ignore[misc]
            killed(process)
        wait_until(lambda: known(running, "killed") == expected("killed", 2_000))
    finally:
        running.stack.dismiss(process)


def test_edited_and_cancelled_orders_end_as_their_last_revision_though_the_process_is_killed(
    running: Local, tmp_path: Path
) -> None:
    mapping = tmp_path / "edits.toml"
    statuses = '[not_sales]\nstatuses = ["cancelled"]\n[records]\nrevision = "updated_at"\n'
    mapping.write_text(MAPPING.replace("[columns]", '[columns]\nstatus = "status"') + statuses)
    last: dict[str, dict[str, Any]] = {}
    process: ChildProcess | None = None
    try:
        for edit in range(4):
            moment = EDITED + timedelta(seconds=edit)
            orders = [
                order(number, "edited", total=10 + number + edit, updated_at=moment.isoformat())
                | {"status": "cancelled" if (number + edit) % 5 == 0 else "paid"}
                for number in range(0, 400, edit + 1)
            ]
            send(running, "edited", *orders, *orders[:20])
            last |= {each["id"]: each for each in orders}
            process = process or running.stack.start_ingest("edited", mapping)
            wait_until(lambda moment=moment: newest_revision(running, "edited") == to_micros(moment))  # type: ignore[misc]
            killed(process)
        paid = [each for each in last.values() if each["status"] == "paid"]
        wait_until(lambda: counted(running, "edited") == (len(paid), sum(each["total"] for each in paid)))
        assert known(running, "edited") == sorted(last)
    finally:
        if process is not None:
            running.stack.dismiss(process)


def newest_revision(running: Local, topic: str) -> int:
    own = transactions.c.transaction_id.startswith(f"{topic}-")
    with running.postgres.connect() as connection:
        found = connection.execute(select(func.max(transactions.c.revision)).where(own)).scalar_one()
    return found or 0


def counted(running: Local, topic: str) -> tuple[int, float]:
    """How many purchases the customers of a topic have made, and for how much."""
    own = customers.c.customer_id.startswith(f"{topic}-")
    totals = select(func.sum(customers.c.frequency), func.sum(customers.c.gross)).where(own)
    with running.postgres.connect() as connection:
        count, money = connection.execute(totals).one()
    return count, float(money)
