"""Kafka with access tokens: every client fetches them, and a client with a wrong secret is refused in one line."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from data.datasets import frames, synthetic
from data.kafka.log import Log
from data.postgres import model_registry, progress
from data.postgres.database import engine, migrate
from producers.pace import Speed
from producers.replay import whole
from producers.replay_session import session
from runtime.oauth import TokenError
from runtime.settings import Settings
from segue.local.apache.java import missing
from segue.local.demo import wait_for_worker
from segue.local.ports import free_ports
from segue.local.processes import ChildProcess
from services import change_stream
from tests.support.apache_kafka import SINGLE_NODE, running_kafka
from tests.support.generated_tables import a_model
from tests.support.local_stack import wait_until
from tests.support.postgres import running_postgres
from tests.support.token_endpoint import CLIENT, SECRET, TokenEndpoint, token_endpoint

REASON = missing()
pytestmark = [pytest.mark.kafka, pytest.mark.skipif(REASON is not None, reason=REASON or "")]

_LISTENERS = """\
inter.broker.listener.name=INSIDE
listeners=TOKENS://127.0.0.1:{tokens},INSIDE://127.0.0.1:{inside},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=TOKENS://127.0.0.1:{tokens},INSIDE://127.0.0.1:{inside}
listener.security.protocol.map=TOKENS:SASL_PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT
listener.name.tokens.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.tokens.oauthbearer.sasl.jaas.config=\
org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
"""


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[str]:
    tokens, inside, controller = free_ports(3)
    listeners = _LISTENERS.format(tokens=tokens, inside=inside, controller=controller)
    properties = SINGLE_NODE.format(controller=controller, data=tmp_path / "log") + listeners
    with running_kafka(tmp_path, properties, f"127.0.0.1:{inside}"):
        yield f"127.0.0.1:{tokens}"


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    # So short that every client has to fetch several.
    with token_endpoint(lifetime=10.0) as running:
        yield running


def test_every_client_logs_in_with_tokens_and_fetches_new_ones(
    kafka: str, endpoint: TokenEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = frames.clean(synthetic.generate(customers=50, days=60, seed=3), "small")
    with running_postgres(tmp_path / "postgres") as url:
        migrate(url)
        model_registry.register(engine(url), a_model())
        variables = {
            "SEGUE_BOOTSTRAP_SERVERS": kafka,
            "SEGUE_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "SEGUE_SASL_MECHANISM": "OAUTHBEARER",
            "SEGUE_SASL_USERNAME": CLIENT,
            "SEGUE_SASL_PASSWORD": SECRET,
            "SEGUE_SASL_TOKEN_URL": endpoint.url,
            "SEGUE_DATABASE_URL": url,
            "SEGUE_WEB_PORT": "0",
            "SEGUE_STATE_DIR": str(tmp_path / "none"),
        }
        monkeypatch.setattr(os, "environ", {**os.environ, **variables})
        settings, log_file = Settings(), tmp_path / "worker.log"
        worker = ChildProcess("worker", [sys.executable, "-m", "stream_app"], variables, log_file)
        with session(settings, max_lag=10_000) as replaying:
            worker.start()
            try:
                wait_until(lambda: worker.exit_code is not None or len(progress.partitions(replaying.postgres)) == 4)
                assert worker.exit_code is None, log_file.read_text()
                wait_for_worker(replaying)
                replaying.run(shop, whole(shop), Speed.parse("max"), lambda _: None)
                wait_until(lambda: not progress.unpublished(replaying.postgres))
                fetched = len(endpoint.forms)
                wait_until(lambda: len(endpoint.forms) > fetched + 1)
                assert worker.exit_code is None, log_file.read_text()
            finally:
                worker.stop()
            totals = progress.totals(replaying.postgres)
        assert totals.transactions == len(shop.transactions)
        events = [*change_stream.topic(settings, follow=False)]
        assert len(events) == sum(totals.changes.values())
        assert msgspec.json.decode(events[0])
        assert SECRET not in log_file.read_text()
        _check_that_a_wrong_secret_is_refused(settings, monkeypatch)


def _check_that_a_wrong_secret_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_SASL_PASSWORD", "guessed")
    with pytest.raises(TokenError, match="gives no token to segue") as caught:
        Log(Settings().brokers, settings.transactions_topic)
    assert "\n" not in str(caught.value)
    assert "guessed" not in str(caught.value)
