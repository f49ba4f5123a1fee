"""A shop whose orders come in by every way at once, until it is stopped: the HTTP API, a topic of its own, the log."""

import json
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
from confluent_kafka import Producer

from data.contract.wire import Transaction
from runtime.brokers import Brokers
from tests.support.kafka_envelopes import debezium

#: Customers of :func:`tests.support.generated_tables.a_model` who bought for this amount once move this much later.
AMOUNT, DECAYS_AFTER = "20.00", timedelta(days=12)


class _Endless:
    """Does one step again and again in threads of its own until it is stopped."""

    def __init__(self, steps: list[Callable[[], None]], pause_seconds: float) -> None:
        self._ended = threading.Event()
        self._pause_seconds = pause_seconds
        self._threads = [threading.Thread(target=self._run, args=(step,)) for step in steps]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop after the steps that are under way."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, step: Callable[[], None]) -> None:
        while not self._ended.wait(self._pause_seconds):
            step()


class Posting(_Endless):
    """Clients that post orders, five in a request, and post them again until they are acknowledged."""

    def __init__(self, address: str, key: str, clients: int) -> None:
        self.acknowledged: list[str] = []
        self.sent: set[str] = set()
        self._address, self._key = address, key
        super().__init__([self._client(number) for number in range(clients)], 0.05)

    def _client(self, client: int) -> Callable[[], None]:
        http = httpx.Client(base_url=self._address, headers={"X-Api-Key": self._key}, timeout=300)
        orders = _orders(f"p{client}-0")

        def step() -> None:
            nonlocal orders
            ids = [each["transaction_id"] for each in orders]
            self.sent.update(ids)
            try:
                acknowledged = http.post("/v1/transactions", json=orders).status_code == 202
            except httpx.TransportError:
                # The API is dead, or died just now: the next step sends the same orders.
                acknowledged = False
            if acknowledged:
                self.acknowledged.extend(ids)
                orders = _orders(f"p{client}-{len(self.acknowledged)}")

        return step


def _orders(name: str) -> list[dict[str, str]]:
    moment = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    return [
        {
            "transaction_id": f"{name}-{item}",
            "customer_id": f"posted-{item}-{len(name)}",
            "occurred_at": moment,
            "kind": "sale",
            "amount": "12.50",
            "currency": "GBP",
        }
        for item in range(5)
    ]


class Topic(_Endless):
    """Writes change events of orders into a topic, some of them twice, some that can't be used."""

    def __init__(self, brokers: Brokers, topic: str) -> None:
        self.orders: set[str] = set()
        self.unusable = 0
        self._topic = topic
        self._producer = Producer(brokers.config | {"enable.idempotence": True, "message.timeout.ms": 0})
        self._dice = random.Random(14)
        super().__init__([self._twenty], 0.05)

    def stop(self) -> None:
        """Stop, and wait until Kafka has everything."""
        super().stop()
        assert self._producer.flush(300) == 0

    def _twenty(self) -> None:
        for _ in range(20):
            self._order(1 + len(self.orders))
        self._producer.poll(0)

    def _order(self, number: int) -> None:
        key = f"c{number % 500}@example.org"
        order = {
            "id": f"o{number}",
            "email": key,
            "created_at": 1_300_000_000_000 + number * 1_000,
            "total": f"{self._dice.randrange(1, 90_000) / 100:.2f}",
        }
        self.orders.add(f"o{number}")
        self._producer.produce(self._topic, debezium("c", order), key)
        fate = self._dice.random()
        if fate < 0.05:
            self._producer.produce(self._topic, debezium("u", order, order), key)
        elif fate < 0.06:
            self._producer.produce(self._topic, None, key)
        elif fate < 0.065:
            self.unusable += 1
            self._producer.produce(self._topic, json.dumps(order | {"total": "free"}).encode(), key)


class Sleepers(_Endless):
    """Writes purchases of customers who move to another segment some seconds later, because time passes."""

    def __init__(self, write: Callable[[bytes, bytes], None]) -> None:
        self.due: dict[str, datetime] = {}
        self._write = write
        self._dice = random.Random(12)
        super().__init__([self._one], 0.1)

    def _one(self) -> None:
        customer = f"sleeper-{len(self.due)}"
        due = datetime.now(UTC) + timedelta(seconds=self._dice.uniform(2, 8))
        self.due[customer] = due
        bought = due - DECAYS_AFTER
        order = Transaction(customer, customer, bought, "sale", AMOUNT, "GBP", "UK", [])
        self._write(customer.encode(), msgspec.json.encode(order))
