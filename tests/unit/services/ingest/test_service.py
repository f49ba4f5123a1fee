"""Offsets are committed only after Kafka has what became of the records before them."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Message

from data.datasets.mapping_toml import from_toml
from data.kafka.log import LogError
from data.kafka.record_writer import Headers, WriteError
from services.ingest.health import IngestHealth
from services.ingest.mapped_records import RecordReader
from services.ingest.service import IngestService
from tests.support.kafka_envelopes import MAPPING, plain


class Shop:
    """A topic with records, a log, and a service between them, which a test can disturb.

    Every entry of ``events`` is what the service did: ``transaction ID``, ``dead letter``, ``flushed``, ``commit N``.
    """

    topic, log_id = "orders", "cluster/orders"

    def __init__(self, *values: bytes | None) -> None:
        self.values = [*values]
        self.events: list[str] = []
        self.committed = 0
        self.position = 0
        self.faults: list[Exception] = []
        self.acknowledges = True
        self.refuses_size = False
        self.headers: Headers = []
        self._too_large: list[Callable[[], None]] = []
        reader = RecordReader(from_toml(MAPPING, "shop.toml"), "GBP")
        self.service = IngestService(reader, self.source, lambda: self, IngestHealth())

    def run(self) -> "Shop":
        self.service.run()
        return self

    def source(self) -> "Shop":
        self.position = self.committed
        return self

    def read(self, most: int, seconds: float) -> list[Message]:
        if self.position == len(self.values):
            self.service.stop()
        records = [record(number, self.values[number]) for number in range(self.position, len(self.values))][:2]
        self.position += len(records)
        return records

    def commit(self, records: Sequence[Message]) -> None:
        self.committed = (records[-1].offset() or 0) + 1
        self.events.append(f"commit {self.committed}")

    def lag(self) -> int:
        return len(self.values) - self.position

    def transaction(self, key: bytes, value: bytes, source: str, too_large: Callable[[], None]) -> None:
        sold = json.loads(value)
        assert key.decode() == sold["customer_id"]
        self.events.append(f"transaction {sold['transaction_id']} of {source}")
        if self.refuses_size:
            self._too_large.append(too_large)

    def dead_letter(self, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        self.headers = headers
        self.events.append("dead letter")

    def flush(self, is_over: Callable[[], bool]) -> bool:
        if self.faults:
            raise self.faults.pop(0)
        while self._too_large:
            self._too_large.pop()()
        if not self.acknowledges:
            self.service.stop()
            return False
        self.events.append("flushed")
        return True

    def close(self) -> None:
        pass


def record(offset: int, value: bytes | None) -> Message:
    return Message(
        topic="orders", partition=0, offset=offset, key=b"key", value=value, timestamp=(1, 1_700_000_000_000)
    )


def order(number: int, **others: Any) -> bytes:
    return json.dumps(plain(id=number) | others).encode()


def test_a_batch_is_committed_after_it_is_flushed() -> None:
    shop = Shop(order(1), order(2), order(3)).run()
    assert shop.events == [
        *("transaction 1 of orders/0/0", "transaction 2 of orders/0/1", "flushed", "commit 2"),
        *("transaction 3 of orders/0/2", "flushed", "commit 3"),
    ]


def test_nothing_is_committed_that_kafka_does_not_have() -> None:
    shop = Shop(order(1))
    shop.acknowledges = False
    assert shop.run().committed == 0


def test_after_a_fault_the_records_are_read_again() -> None:
    shop = Shop(order(1), order(2), order(3))
    shop.faults = [WriteError("refused"), LogError("gone")]
    shop.run()
    assert shop.committed == 3
    assert shop.events.count("transaction 1 of orders/0/0") == 3


def test_a_record_that_cannot_be_mapped_is_a_dead_letter_with_its_place_and_reason() -> None:
    shop = Shop(order(1, total="x")).run()
    assert shop.events == ["dead letter", "flushed", "commit 1"]
    assert dict(shop.headers) == {
        "segue-reason": b"total: 'x' is not a number",
        "segue-topic": b"orders",
        "segue-partition": b"0",
        "segue-offset": b"0",
        "segue-log-id": b"cluster/orders",
    }


def test_a_transaction_that_is_too_large_is_a_dead_letter() -> None:
    shop = Shop(order(1))
    shop.refuses_size = True
    shop.run()
    assert shop.events == ["transaction 1 of orders/0/0", "dead letter", "flushed", "commit 1"]
    assert b"the broker refuses its transaction" in dict(shop.headers)["segue-reason"]  # type: ignore[operator]
    assert +shop.service.health.counts == {"dead letter": 1}


def test_tombstones_guests_and_deletes_are_counted() -> None:
    shop = Shop(None, order(1, email=None), order(2, __deleted="true"), order(3)).run()
    assert dict(shop.service.health.counts) == {"tombstone": 1, "guest": 1, "delete": 1, "transaction": 1}
    assert b'segue_ingest_records_total{outcome="guest"} 1.0' in shop.service.health.metrics().body
