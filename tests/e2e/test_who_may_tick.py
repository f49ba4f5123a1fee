"""On a Kafka with access control lists, a shop that may write transactions can neither tick nor activate a model."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)
from sqlalchemy import Engine, select

from data.contract.wire import Tick, Transaction
from data.kafka.record_writer import Headers, WriteError
from data.postgres import model_registry, progress
from data.postgres.database import engine, migrate
from data.postgres.tables import customers, dead_letters, stream_progress
from models.segment_model import SegmentModel, build
from producers.log_session import session
from producers.log_writer import LogWriter
from producers.model_activation import ActivationError, activate, wait
from runtime.settings import Settings
from segue.local.apache.java import missing
from segue.local.processes import ChildProcess
from tests.support.generated_tables import a_model
from tests.support.kafka_records import read
from tests.support.local_stack import wait_until
from tests.support.postgres import new_database, running_postgres
from tests.support.secured_kafka import CLOCK, PASSWORD, SHOP, USER, SecuredKafka, secured_kafka

REASON = missing()
KEY = "only-the-clock-and-operators-know-this"
BOUGHT = datetime(2011, 5, 1, 12, tzinfo=UTC)
LATER = BOUGHT + timedelta(days=3_000)

pytestmark = [pytest.mark.kafka, pytest.mark.skipif(REASON is not None, reason=REASON or "")]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path_factory.mktemp("locked"), access_control=True) as broker:
        yield broker


@pytest.fixture
def database_url(tmp_path: Path) -> Iterator[str]:
    with running_postgres(tmp_path / "postgres") as server, new_database(server) as url:
        migrate(url)
        model_registry.register(engine(url), a_model())
        yield url


def test_a_shop_can_write_transactions_and_nothing_else(
    kafka: SecuredKafka, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = _environment(kafka, database_url)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    settings, postgres = Settings(), engine(database_url)
    worker = ChildProcess("worker", [sys.executable, "-m", "stream_app"], variables, tmp_path / "worker.log")
    worker.start()
    try:
        wait_until(lambda: len(progress.partitions(postgres)) == 4)
        _allow_writing(settings, SHOP)
        _allow_writing(settings, CLOCK)
        _a_shop_tries(settings, postgres)
        _the_owners_can(settings, postgres)
        _copies_are_of_no_use(settings, postgres)
    finally:
        worker.stop()
    log = (tmp_path / "worker.log").read_text()
    assert KEY not in log
    assert "will try again" not in log


def _a_shop_tries(settings: Settings, postgres: Engine) -> None:
    shop = LogWriter(replace(settings.brokers, username=SHOP), settings.transactions_topic, 4)
    bought = Transaction("T1", "c", BOUGHT, "sale", "12.50", "GBP", "France", [])
    shop.transaction(b"c", msgspec.json.encode(bought))
    shop.tick(LATER)
    shop.activate(_another_model())
    assert shop.flush(10) == 0
    wait_until(lambda: progress.totals(postgres).dead_letters == 8)
    assert progress.totals(postgres).changes == {"first_purchase": 1}
    assert progress.current_watermark(postgres) is None
    assert _active(postgres) == {a_model().version}
    with postgres.connect() as connection:
        reasons = set(connection.execute(select(dead_letters.c.reason)).scalars())
    assert reasons == {"the control record is not signed: its producer needs SEGUE_CONTROL_KEY"}
    elsewhere = LogWriter(replace(settings.brokers, username=SHOP), settings.changes_topic, 4)
    elsewhere.tick(LATER)
    with pytest.raises(WriteError, match="authorization failed"):
        elsewhere.flush(10)


def _the_owners_can(settings: Settings, postgres: Engine) -> None:
    clock = LogWriter(replace(settings.brokers, username=CLOCK), settings.transactions_topic, 4, KEY.encode())
    clock.tick(LATER)
    assert clock.flush(10) == 0
    wait_until(lambda: progress.totals(postgres).changes.get("decay", 0) > 0)
    wait_until(lambda: progress.current_watermark(postgres) == LATER)
    chosen = _another_model()
    model_registry.register(postgres, chosen)
    with session(settings) as operator:
        for model in (chosen, a_model()):
            activate(operator, model)
            wait_until(lambda model=model: _active(postgres) == {model.version})  # type: ignore[misc]
    with session(Settings(control_key=None)) as without_key:
        sent = activate(without_key, chosen)
        with pytest.raises(ActivationError, match="without the right control key"):
            wait(without_key, sent, lambda _: None)


def _copies_are_of_no_use(settings: Settings, postgres: Engine) -> None:
    """An attacker who can read the topic writes copies of all signed records with the shop's rights."""
    before = progress.totals(postgres)
    signed = [message for message in read(settings.brokers, settings.transactions_topic) if message.headers()]
    assert len(signed) == 12
    shop = LogWriter(replace(settings.brokers, username=SHOP), settings.transactions_topic, 4)
    for message in signed:
        for partition in range(4):
            headers: Headers = [(name, value) for name, value in message.headers() or []]  # type: ignore[str-unpack]
            shop._writer.write(message.topic() or "", message.value(), None, headers, partition)
    assert shop.flush(10) == 0
    # Of each partition's own copies, the tick is harmless and both models are refused.
    wait_until(lambda: progress.totals(postgres).dead_letters == before.dead_letters + 48 - 4)
    assert progress.totals(postgres).changes == before.changes
    assert _active(postgres) == {a_model().version}
    with postgres.connect() as connection:
        assert connection.execute(select(customers.c.model_version)).scalars().all() == [a_model().version]


def test_a_producer_can_not_choose_a_timestamp_in_the_future(
    kafka: SecuredKafka, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _environment(kafka, database_url, "timestamps").items():
        monkeypatch.setenv(name, value)
    settings = Settings(state_dir=tmp_path)
    with session(settings) as opened:
        resource = ConfigResource(ConfigResource.Type.TOPIC, settings.transactions_topic)
        admin = AdminClient(settings.brokers.config)
        found = admin.describe_configs([resource])[resource].result(10)
        assert found["message.timestamp.after.max.ms"].value == "3600000"
        producer = opened.writer._writer._producer
        errors: list[str] = []
        producer.produce(
            settings.transactions_topic,
            msgspec.json.encode(Tick(LATER)),
            timestamp=int(datetime(2109, 1, 1, tzinfo=UTC).timestamp() * 1_000),
            on_delivery=lambda error, _: errors.append(str(error)),
        )
        assert producer.flush(10) == 0
        assert len(errors) == 1
        assert "INVALID_TIMESTAMP" in errors[0] or "imestamp" in errors[0]


def _another_model() -> SegmentModel:
    first = a_model()
    return build(first.monetary, first.transform, first.means, (2.0, 1.0, 1.0), first.segments)


def _active(postgres: Engine) -> set[str]:
    with postgres.connect() as connection:
        return set(connection.execute(select(stream_progress.c.model_version)).scalars())


def _allow_writing(settings: Settings, user: str) -> None:
    admin = AdminClient(settings.brokers.config)
    rules = [
        AclBinding(
            ResourceType.TOPIC,
            settings.transactions_topic,
            ResourcePatternType.LITERAL,
            f"User:{user}",
            "*",
            operation,
            AclPermissionType.ALLOW,
        )
        for operation in (AclOperation.WRITE, AclOperation.DESCRIBE)
    ]
    for made in admin.create_acls(rules).values():
        made.result(10)


def _environment(kafka: SecuredKafka, database_url: str, name: str = "acl") -> dict[str, str]:
    topics = {f"SEGUE_{topic}_TOPIC": f"{name}.{topic}" for topic in ("TRANSACTIONS", "CHANGES", "SEGMENTS", "DRIFT")}
    return topics | {
        "SEGUE_DEAD_LETTERS_TOPIC": f"{name}.DLQ",
        "SEGUE_CONSUMER_GROUP": name,
        "SEGUE_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "SEGUE_SECURITY_PROTOCOL": "SASL_SSL",
        "SEGUE_SASL_USERNAME": USER,
        "SEGUE_SASL_PASSWORD": PASSWORD,
        "SEGUE_SSL_CA_FILE": str(kafka.ca_file),
        "SEGUE_DATABASE_URL": database_url,
        "SEGUE_CONTROL_KEY": KEY,
        "SEGUE_WEB_PORT": "0",
    }
