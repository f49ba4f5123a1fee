"""Kafka with TLS and passwords: every client connects with the settings alone, and no other client does."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from sqlalchemy import Engine, select

from data.datasets import frames, synthetic
from data.kafka.log import Log, UnreachableError
from data.postgres import model_registry, progress
from data.postgres.database import engine, migrate
from data.postgres.tables import dead_letters
from producers.pace import Speed
from producers.replay import whole
from producers.replay_session import session
from runtime.settings import Settings
from segue.local.apache.java import missing
from segue.local.demo import wait_for_worker
from segue.local.processes import ChildProcess
from services import change_stream
from tests.support.generated_tables import a_model
from tests.support.kafka_records import headers, read, write
from tests.support.local_stack import wait_until
from tests.support.poisoned_records import FatedRecord
from tests.support.postgres import new_database, running_postgres
from tests.support.secured_kafka import PASSWORD, USER, SecuredKafka, secured_kafka

REASON = missing()
CLIPPED_ABOVE = 100_000

pytestmark = [pytest.mark.kafka, pytest.mark.skipif(REASON is not None, reason=REASON or "")]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path_factory.mktemp("locked")) as broker:
        yield broker


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    with new_database(postgres) as url:
        migrate(url)
        model_registry.register(engine(url), a_model())
        yield url


def environment(kafka: SecuredKafka, database_url: str, name: str, mechanism: str, password: Path) -> dict[str, str]:
    """The settings of an operator."""
    topics = {f"SEGUE_{topic}_TOPIC": f"{name}.{topic}" for topic in ("TRANSACTIONS", "CHANGES", "SEGMENTS")}
    return topics | {
        "SEGUE_DEAD_LETTERS_TOPIC": f"{name}.DLQ",
        "SEGUE_CONSUMER_GROUP": name,
        "SEGUE_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "SEGUE_SECURITY_PROTOCOL": "SASL_SSL",
        "SEGUE_SASL_MECHANISM": mechanism,
        "SEGUE_SASL_USERNAME": USER,
        "SEGUE_SASL_PASSWORD_FILE": str(password),
        "SEGUE_SSL_CA_FILE": str(kafka.ca_file),
        "SEGUE_DATABASE_URL": database_url,
        "SEGUE_WEB_PORT": "0",
    }


@contextmanager
def working(variables: dict[str, str], log_file: Path) -> Iterator[ChildProcess]:
    """A worker while the block runs."""
    worker = ChildProcess("worker", [sys.executable, "-m", "stream_app"], variables, log_file)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


@pytest.fixture
def password(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    return file


def settings_of(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.setattr(os, "environ", {**os.environ, **variables, "SEGUE_STATE_DIR": str(tmp_path)})
    return Settings()


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_transactions_go_in_and_changes_come_out(
    mechanism: str,
    kafka: SecuredKafka,
    database_url: str,
    password: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = frames.clean(synthetic.generate(customers=50, days=60, seed=3), "small")
    variables = environment(kafka, database_url, mechanism.lower(), mechanism, password)
    settings = settings_of(variables, monkeypatch, tmp_path)
    log_file = tmp_path / "worker.log"
    with session(settings, max_lag=10_000) as replaying, working(variables, log_file) as worker:
        wait_until(lambda: worker.exit_code is not None or len(progress.partitions(replaying.postgres)) == 4)
        assert worker.exit_code is None, log_file.read_text()
        wait_for_worker(replaying)
        replaying.run(shop, whole(shop), Speed.parse("max"), lambda _: None)
        wait_until(lambda: not progress.unpublished(replaying.postgres))
        totals = progress.totals(replaying.postgres)
    assert totals.transactions == len(shop.transactions)
    changes = [msgspec.json.decode(event)["data"]["cause"] for event in change_stream.topic(settings, follow=False)]
    assert {cause: changes.count(cause) for cause in set(changes)} == totals.changes
    assert PASSWORD not in log_file.read_text()


def test_a_wrong_password_and_an_unknown_certificate_are_reported_in_one_line(
    kafka: SecuredKafka, database_url: str, password: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = environment(kafka, database_url, "nobody", "PLAIN", password)
    brokers = settings_of(variables, monkeypatch, tmp_path).brokers
    for wrong in (replace(brokers, password="guessed"), replace(brokers, ca_file=None)):
        log = Log(wrong, "nobody.TRANSACTIONS", answer_seconds=3.0)
        with pytest.raises(UnreachableError, match=r"\(SASL_SSL, PLAIN as segue\)") as caught:
            log.identity(None)
        log.close()
        assert "\n" not in str(caught.value)
        assert not {word for word in ("guessed", PASSWORD) if word in str(caught.value)}


def test_a_dead_letter_that_its_topic_refuses_is_published_in_part_and_holds_nothing_up(
    kafka: SecuredKafka, database_url: str, password: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = environment(kafka, database_url, "large", "SCRAM-SHA-512", password)
    settings = settings_of(variables, monkeypatch, tmp_path)
    admin = AdminClient(settings.brokers.config)
    small = NewTopic(settings.dead_letters_topic, 4, config={"max.message.bytes": str(CLIPPED_ABOVE)})
    admin.create_topics([small])[settings.dead_letters_topic].result(120)
    sent = [FatedRecord(0, None, os.urandom(size), "dead") for size in (1_000, 900_000, 2_000)]
    with session(settings, max_lag=10_000) as replaying, working(variables, tmp_path / "worker.log"):
        wait_for_worker(replaying)
        write(settings.brokers, settings.transactions_topic, sent)
        wait_until(lambda: len(_published(replaying.postgres)) == len(sent))
        assert _published(replaying.postgres) == [each.value for each in sent]
    found = {}
    for message in read(settings.brokers, settings.dead_letters_topic):
        names = {name: value.decode() for name, value in headers(message).items()}
        found[int(names["segue-offset"])] = (names.get("segue-clipped-from"), message.value())
    assert found.keys() == {0, 1, 2}
    assert (found[0], found[2]) == ((None, sent[0].value), (None, sent[2].value))
    clipped_from, clipped = found[1]
    assert clipped_from == "900000"
    assert clipped
    assert (sent[1].value or b"").startswith(clipped)


def _published(postgres: Engine) -> list[bytes | None]:
    query = select(dead_letters.c.value).where(dead_letters.c.published).order_by(dead_letters.c.offset)
    with postgres.connect() as connection:
        return list(connection.execute(query).scalars())
