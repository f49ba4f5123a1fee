"""On a real Kafka: the process that ingests orders is killed again and again, and every order is in the ledger once."""

import json
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer
from sqlalchemy import func, select

from data.kafka.log import create_topics
from data.postgres.tables import transactions
from segue.local.apache.broker import ApacheBroker
from services.ingest import dead_letters
from tests.support.generated_tables import a_model
from tests.support.kafka_envelopes import MAPPING, debezium
from tests.support.local_stack import Local, local, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

#: Set the variable to 20 for a long run.
KILLS = int(os.environ.get("SEGUE_TEST_KILLS", "5"))


class Shop:
    """Writes change events of orders into a topic until it is stopped, some of them twice, some that can't be used."""

    def __init__(self, running: Local, topic: str) -> None:
        self.orders: set[str] = set()
        self.wrong = 0
        self._topic = topic
        self._producer = Producer(running.settings.brokers.config | {"enable.idempotence": True})
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait until Kafka has everything."""
        self._ended.set()
        self._thread.join()
        assert self._producer.flush(60) == 0

    def _send(self) -> None:
        dice = random.Random(14)
        number = 0
        while not self._ended.is_set():
            number += 1
            order = {
                "id": f"o{number}",
                "email": f"c{number % 500}@example.org",
                "created_at": 1_300_000_000_000 + number * 1_000,
                "total": f"{dice.randrange(1, 90_000) / 100:.2f}",
            }
            key = order["email"]
            assert isinstance(key, str)
            self.orders.add(f"o{number}")
            self._producer.produce(self._topic, debezium("c", order), key)
            fate = dice.random()
            if fate < 0.05:
                self._producer.produce(self._topic, debezium("u", order, order), key)
            elif fate < 0.06:
                self._producer.produce(self._topic, None, key)
            elif fate < 0.065:
                self.wrong += 1
                self._producer.produce(self._topic, json.dumps(order | {"total": "free"}).encode(), key)
            if number % 50 == 0:
                self._producer.poll(0)
                time.sleep(0.02)


def stored(running: Local) -> int:
    with running.postgres.connect() as connection:
        return connection.execute(select(func.count()).select_from(transactions)).scalar_one()


@pytest.mark.timeout(2_400)
def test_every_order_is_in_the_ledger_once_though_ingestion_and_the_broker_are_killed(tmp_path: Path) -> None:
    mapping = tmp_path / "shop.toml"
    mapping.write_text(MAPPING)
    with local(tmp_path / "stack", a_model(), broker="apache") as running:
        broker = running.stack.broker
        assert isinstance(broker, ApacheBroker)
        create_topics(running.settings.brokers, {"orders": {}}, 4)
        shop = Shop(running, "orders")
        dice = random.Random(7)
        try:
            process = running.stack.start_ingest("orders", mapping)
            for kill in range(KILLS):
                before = stored(running)
                wait_until(lambda before=before: stored(running) > before)  # type: ignore[misc]
                time.sleep(dice.random())
                os.kill(process.pid, signal.SIGKILL)
                if kill == KILLS // 2:
                    broker.kill_one(0)
                wait_until(lambda killed=process.pid: process.pid != killed)  # type: ignore[misc]
        finally:
            shop.stop()
        wait_until(lambda: stored(running) >= len(shop.orders))
        with running.postgres.connect() as connection:
            ids = connection.execute(select(transactions.c.transaction_id)).scalars().all()
        assert sorted(ids) == sorted(shop.orders)

        def letters() -> int:
            settings = running.settings
            return len(dead_letters.of_topic(settings.brokers, settings.dead_letters_topic, "orders"))

        wait_until(lambda: letters() == shop.wrong)
        assert shop.wrong > 0
        running.stack.dismiss(process)
        assert process.exit_code == 0
