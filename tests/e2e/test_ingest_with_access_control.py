"""On a Kafka with access control lists, ingestion needs the rights that docs/ingest.md lists, and no other."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from data.kafka.log import create_topics
from runtime.settings import Settings
from segue.local.apache.java import missing
from segue.local.ports import free_ports
from segue.local.processes import ChildProcess
from tests.support.kafka_envelopes import MAPPING, plain
from tests.support.kafka_records import read
from tests.support.local_stack import wait_until
from tests.support.secured_kafka import PASSWORD, SHOP, USER, SecuredKafka, secured_kafka
from tests.support.web import get

REASON = missing()
COUNT = 50

pytestmark = [pytest.mark.kafka, pytest.mark.skipif(REASON is not None, reason=REASON or "")]


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path, access_control=True) as broker:
        yield broker


def test_ingestion_needs_the_documented_rights_only(
    kafka: SecuredKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    variables = {
        "SEGUE_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "SEGUE_SECURITY_PROTOCOL": "SASL_SSL",
        "SEGUE_SASL_USERNAME": USER,
        "SEGUE_SASL_PASSWORD": PASSWORD,
        "SEGUE_SSL_CA_FILE": str(kafka.ca_file),
        "SEGUE_STATE_DIR": str(tmp_path / "state"),
        "SEGUE_PARTITIONS": "0",
        "SEGUE_WEB_PORT": str(port),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    create_topics(settings.brokers, {"orders": {}} | settings.topics.configuration, 2)
    producer = Producer(settings.brokers.config)
    for number in range(COUNT):
        producer.produce("orders", json.dumps(plain(id=number, total="x" if number % 10 == 3 else "5.00")).encode())
    assert producer.flush(60) == 0
    grant(settings, ResourceType.TOPIC, "orders", AclOperation.READ, AclOperation.DESCRIBE)
    for topic in (settings.transactions_topic, settings.dead_letters_topic):
        grant(settings, ResourceType.TOPIC, topic, AclOperation.WRITE, AclOperation.DESCRIBE)

    mapping = tmp_path / "shop.toml"
    mapping.write_text(MAPPING)
    command = [sys.executable, "-m", "segue", "ingest", "--topic", "orders", "--mapping", str(mapping)]
    own = variables | {"SEGUE_SASL_USERNAME": SHOP}
    ingestion = ChildProcess("ingest", command, own, tmp_path / "ingest.log")
    ingestion.start()
    try:
        wait_until(lambda: "Group authorization failed" in (tmp_path / "ingest.log").read_text())
        assert ready(port) == 503
        assert read(settings.brokers, settings.transactions_topic) == []
        grant(settings, ResourceType.GROUP, "segue-ingest-orders", AclOperation.READ)
        wait_until(lambda: len(read(settings.brokers, settings.transactions_topic)) >= COUNT * 9 // 10)
        wait_until(lambda: len(read(settings.brokers, settings.dead_letters_topic)) >= COUNT // 10)
        wait_until(lambda: ready(port) == 200)
    finally:
        ingestion.stop()
    assert ingestion.exit_code == 0
    sold = {
        msgspec.json.decode(message.value() or b"")["transaction_id"]
        for message in read(settings.brokers, settings.transactions_topic)
    }
    assert sold == {str(number) for number in range(COUNT) if number % 10 != 3}
    assert PASSWORD not in (tmp_path / "ingest.log").read_text()


def ready(port: int) -> int:
    return get(f"http://127.0.0.1:{port}/readyz", timeout=60).status_code


def grant(settings: Settings, kind: ResourceType, name: str, *operations: AclOperation) -> None:
    admin = AdminClient(replace(settings.brokers, username=USER).config)
    rules = [
        AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{SHOP}", "*", operation, AclPermissionType.ALLOW)
        for operation in operations
    ]
    for made in admin.create_acls(rules).values():
        made.result(60)
