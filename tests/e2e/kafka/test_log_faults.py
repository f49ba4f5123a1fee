"""The operator trusts that a log which loses records, or is another log, is never skipped silently."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy import Engine, select

from data.contract.wire import Transaction
from data.kafka.log import create_topics
from data.postgres import log_faults, model_registry, progress
from data.postgres.database import engine
from data.postgres.tables import transactions
from models.segment_model import SegmentModel
from producers.log_session import LogSession, session
from runtime.settings import Settings
from segue.local.apache.broker import ApacheBroker
from segue.local.processes import ChildProcess
from segue.local.soak.outcome import subscribed
from segue.local.stack import Stack
from services import change_stream
from tests.support.builders import recency_model, tick, transaction
from tests.support.commands import Done, tried
from tests.support.local_stack import wait_until
from tests.support.web import get

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(1_800)]

MODEL, OTHER = recency_model(), recency_model(away=30.0)
KINDS = ("truncated", "recreated", "deleted")


@dataclass
class Shop:
    """A stack whose log a test writes by hand."""

    stack: Stack
    settings: Settings
    folder: Path
    worker: ChildProcess
    postgres: Engine

    @property
    def broker(self) -> ApacheBroker:
        assert isinstance(self.stack.broker, ApacheBroker)
        return self.stack.broker

    @contextmanager
    def log(self) -> Iterator[LogSession]:
        with session(self.settings) as opened:
            yield opened

    def send(self, numbers: range, day: float, activate: SegmentModel | None = None) -> None:
        """One purchase of each of some customers, and a tick."""
        with self.log() as opened:
            for number in numbers:
                sale: Transaction = transaction(number, day, customer=f"C{number}")
                opened.writer.transaction(sale.customer_id.encode(), msgspec.json.encode(sale))
            if activate is not None:
                opened.writer.activate(activate)
            opened.writer.tick(tick(day + 0.5).at)
            assert opened.writer.flush(60) == 0

    def applied(self) -> set[int]:
        """The numbers of all transactions in the ledger."""
        with self.postgres.connect() as connection:
            ids = connection.execute(select(transactions.c.transaction_id)).scalars().all()
        return {int(each.removeprefix("T")) for each in ids}

    def wait_for(self, numbers: range) -> None:
        """Wait until transactions have been applied, and everything has been published."""
        wait_until(lambda: self.applied() >= set(numbers))
        wait_until(lambda: not progress.unpublished(self.postgres))

    def kinds(self) -> set[str]:
        return {row.kind for row in log_faults.faults(self.postgres)}

    def restart_with(self, change: Callable[[], None]) -> None:
        """Stop Kafka, change what it has stored, and start it again."""
        self.broker.stop()
        change()
        self.broker.restart()

    def stop_worker(self) -> None:
        self.stack.dismiss(self.worker)

    def start_worker(self) -> None:
        self.worker = self.stack.start_worker()

    def web(self) -> str:
        """The address of the running worker's health pages."""
        found = re.findall(r"http://127\.0\.0\.1:\d+", self.worker.log_file.read_text())
        return str(found[-1])

    def segue(self, *arguments: str) -> Done:
        return tried(self.folder, *arguments)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Stack(tmp_path, "apache") as stack:
        settings = Settings(state_dir=tmp_path)
        postgres = engine(settings.database)
        model_registry.register(postgres, MODEL)
        create_topics(settings.brokers, settings.topics.configuration, settings.partitions)
        worker = stack.start_worker()
        stack.watch(lambda _: None)
        wait_until(lambda: len(progress.partitions(postgres)) == 4)
        yield Shop(stack, settings, tmp_path, worker, postgres)
        postgres.dispose()


def test_a_running_worker_goes_on_with_a_log_that_was_restored_from_an_older_copy(shop: Shop, tmp_path: Path) -> None:
    shop.send(range(100), 1, OTHER)
    shop.send(range(100, 120), 2, MODEL)
    shop.wait_for(range(120))
    shop.restart_with(lambda: shop.broker.copy_records(tmp_path / "copy"))
    shop.send(range(200, 300), 3)
    shop.wait_for(range(200, 300))
    shop.restart_with(lambda: shop.broker.restore_records(tmp_path / "copy"))
    shop.send(range(300, 340), 4)
    assert_noticed(shop, "truncated")
    shop.wait_for(range(300, 340))
    assert_reported(shop, "truncated")
    assert_each_change_once(shop)
    assert_active(shop, MODEL)


def test_a_worker_that_starts_goes_on_with_a_shorter_log(shop: Shop, tmp_path: Path) -> None:
    shop.send(range(100), 1)
    shop.wait_for(range(100))
    shop.restart_with(lambda: shop.broker.copy_records(tmp_path / "copy"))
    shop.send(range(200, 300), 3)
    shop.wait_for(range(200, 300))
    shop.stop_worker()
    shop.restart_with(lambda: shop.broker.restore_records(tmp_path / "copy"))
    shop.send(range(300, 340), 4)
    shop.start_worker()
    assert_noticed(shop, "truncated")
    shop.wait_for(range(300, 340))
    assert_reported(shop, "truncated")
    assert_each_change_once(shop)


def test_a_worker_that_starts_notices_a_log_that_lost_records_and_has_grown_again(shop: Shop, tmp_path: Path) -> None:
    shop.send(range(100), 1)
    shop.wait_for(range(100))
    shop.restart_with(lambda: shop.broker.copy_records(tmp_path / "copy"))
    shop.send(range(200, 240), 3)
    shop.wait_for(range(200, 240))
    shop.stop_worker()
    shop.restart_with(lambda: shop.broker.restore_records(tmp_path / "copy"))
    shop.send(range(300, 500), 4)
    shop.start_worker()
    assert_noticed(shop, "truncated")
    shop.wait_for(range(300, 500))
    assert_reported(shop, "truncated")
    assert_each_change_once(shop)


def test_a_topic_that_is_created_again_under_a_running_worker_is_read_from_its_start(shop: Shop) -> None:
    shop.send(range(100), 1)
    shop.wait_for(range(100))
    recreate(shop)
    shop.send(range(300, 600), 4)
    assert_noticed(shop, "recreated")
    shop.wait_for(range(300, 600))
    assert_reported(shop, "recreated")
    assert_each_change_once(shop)


@pytest.mark.parametrize("running", [True, False], ids=["a paused worker", "a stopped worker"])
def test_records_that_were_deleted_before_they_were_read_are_counted(shop: Shop, running: bool) -> None:
    shop.send(range(100), 1)
    shop.wait_for(range(100))
    if running:
        os.kill(shop.worker.pid, signal.SIGSTOP)
    else:
        shop.stop_worker()
    shop.send(range(200, 300), 2)
    delete_all_records(shop)
    shop.send(range(300, 340), 3)
    if running:
        os.kill(shop.worker.pid, signal.SIGCONT)
    else:
        shop.start_worker()
    assert_noticed(shop, "deleted")
    shop.wait_for(range(300, 340))
    assert_reported(shop, "deleted")
    faults = json.loads(shop.segue("faults", "list", "--resolved", "--json").stdout)
    lost = sum(fault["end_offset"] - fault["first_offset"] for fault in faults)
    never_applied = len(set(range(200, 300)) - shop.applied())
    # A tick went to each of the four partitions, too. A paused worker may have had an answer of the broker already.
    assert never_applied <= lost <= never_applied + 4
    assert never_applied == 100 or running
    assert_each_change_once(shop)


def recreate(shop: Shop) -> None:
    """Delete the transactions topic, and create it again."""
    admin = AdminClient(shop.settings.brokers.config)
    topic = shop.settings.transactions_topic
    admin.delete_topics([topic])[topic].result()
    wait_until(lambda: topic not in admin.list_topics(timeout=120).topics)
    create_topics(shop.settings.brokers, shop.settings.topics.configuration, shop.settings.partitions)


def delete_all_records(shop: Shop) -> None:
    admin = AdminClient(shop.settings.brokers.config)
    topic = shop.settings.transactions_topic
    with shop.log() as opened:
        ends = opened.ends()
    places = [TopicPartition(topic, partition, end) for partition, end in enumerate(ends)]
    for deleted in admin.delete_records(places).values():
        deleted.result()


def status(shop: Shop) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shop.segue("status", "--json").stdout)
    return found


def assert_noticed(shop: Shop, kind: str) -> None:
    """The table names one kind of fault, and so does readiness, which may forget it half a minute later."""
    wait_until(lambda: shop.kinds() == {kind})

    def is_not_ready() -> bool:
        ready = get(f"{shop.web()}/readyz")
        return ready.status_code == 503 and "recovers from a fault of the log" in ready.text

    wait_until(is_not_ready)


def assert_reported(shop: Shop, kind: str) -> None:
    """Metrics, the command line and the table name one kind of fault, and the fault can be resolved."""
    assert shop.kinds() == {kind}
    metrics = get(f"{shop.web()}/metrics").text
    counts = {each: float(re.findall(rf'segue_log_faults_total{{kind="{each}"}} (\S+)', metrics)[0]) for each in KINDS}
    assert counts.pop(kind) >= 1
    assert set(counts.values()) == {0}
    assert {fault["kind"] for fault in status(shop)["log_faults"]} == {kind}
    text = shop.segue("status")
    assert text.returncode == 1
    assert "log fault" in text.stdout
    wait_until(lambda: get(f"{shop.web()}/readyz").status_code == 200)
    assert shop.segue("faults", "resolve", "--all").returncode == 0
    assert shop.segue("status").returncode == 0
    assert status(shop)["log_faults"] == []


def assert_each_change_once(shop: Shop) -> None:
    """The change topic and Postgres have the same changes; subscribers get each of them once."""
    history = subscribed(change_stream.topic(shop.settings, follow=False))
    changes = sum(progress.totals(shop.postgres).changes.values())
    assert (history.gaps, sum(map(len, history.changes.values()))) == (0, changes)
    assert history.repeats == 0


def assert_active(shop: Shop, expected: SegmentModel) -> None:
    assert {row.model_version for row in progress.partitions(shop.postgres)} == {expected.version}
