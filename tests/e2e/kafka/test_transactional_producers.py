"""A producer that writes in Kafka transactions: committed records count, and transaction markers cause no lag."""

from collections.abc import Iterator

import msgspec
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy import select

from data.contract.wire import Transaction
from data.kafka.log import Log, create_topics, is_gap
from data.postgres import progress
from data.postgres.tables import transactions
from segue.local.ports import free_ports
from tests.support.builders import transaction
from tests.support.generated_tables import a_model
from tests.support.local_stack import Local, local, wait_until
from tests.support.web import get

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def run(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with local(tmp_path_factory.mktemp("shop"), a_model(), {"SEGUE_WEB_PORT": str(port)}, "apache") as run:
        yield run


def test_committed_records_count_and_the_markers_behind_them_are_no_lag(run: Local, port: int) -> None:
    shop = a_producer(run)
    for number, kept in enumerate([True, False, True, True, False, False]):
        shop.begin_transaction()
        send(shop, run, [transaction(number, number, customer=customer) for customer in "abcdef"])
        if kept:
            shop.commit_transaction()
        else:
            shop.flush()
            shop.abort_transaction()
    # Aborting does not wait for the transaction markers; the next producer with that transactional id does.
    a_producer(run)
    source = Log(run.settings.brokers, run.settings.transactions_topic)
    ends = dict(enumerate(source.ends(run.settings.partitions)))
    source.close()
    wait_until(lambda: progress.next_offsets(run.postgres, run.replaying.identity.log_id) == ends)
    with run.postgres.connect() as connection:
        stored = connection.execute(select(transactions.c.transaction_id, transactions.c.customer_id)).all()
    assert sorted(stored) == sorted((f"T{number}", customer) for number in (0, 2, 3) for customer in "abcdef")
    wait_until(lambda: readiness(port) == (True, [0, 0, 0, 0]))


def test_existing_records_are_no_gap_and_deleted_ones_are_a_gap(run: Local) -> None:
    brokers, place = run.settings.brokers, TopicPartition("deleted", 0, 3)
    create_topics(brokers, {place.topic: {}}, 1)
    producer = Producer(brokers.config)
    for value in (b"0", b"1", b"2", b"3"):
        producer.produce(place.topic, value)
    producer.flush()
    assert not is_gap(brokers, place.topic, 0, 0, 3)
    assert is_gap(brokers, place.topic, 0, 4, 4)
    admin = AdminClient(brokers.config)
    [deleted] = admin.delete_records([place]).values()
    deleted.result()
    # The log check reports them as a log fault: tests/e2e/kafka/test_log_faults.py.
    assert is_gap(brokers, place.topic, 0, 0, 3)


def a_producer(run: Local) -> Producer:
    shop = Producer({**run.settings.brokers.config, "transactional.id": "shop", "partitioner": "murmur2_random"})
    shop.init_transactions()
    return shop


def readiness(port: int) -> tuple[bool, list[int]]:
    ready = get(f"http://127.0.0.1:{port}/readyz").json()
    return ready["ready"], [status["lag_records"] for status in ready["partitions"].values()]


def send(producer: Producer, run: Local, messages: list[Transaction]) -> None:
    for message in messages:
        producer.produce(run.settings.transactions_topic, msgspec.json.encode(message), message.customer_id)
