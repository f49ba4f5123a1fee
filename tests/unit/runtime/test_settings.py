"""Settings: their sources, their precedence and their errors, without showing a secret."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from runtime.errors import Hint, SegueError
from runtime.money import Money
from runtime.postgres_url import shown
from runtime.running_stack import STACK_FILE
from runtime.settings import Settings, bad_setting


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        for variable in (f"SEGUE_{name.upper()}", f"SEGUE_{name.upper()}_FILE"):
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_BOOTSTRAP_SERVERS", "kafka:9092")


@pytest.fixture
def sasl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("SEGUE_SASL_USERNAME", "segue")
    monkeypatch.setenv("SEGUE_SASL_PASSWORD", "hush")


def test_security_reaches_both_client_libraries(kafka: None, sasl: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from stream_app.partitions.credentials import credentials

    monkeypatch.setenv("SEGUE_SASL_MECHANISM", "SCRAM-SHA-256")
    brokers = Settings().brokers
    assert {name: brokers.config[name] for name in brokers.config if "sasl" in name or "security" in name} == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "segue",
        "sasl.password": "hush",
    }
    faust = credentials(brokers)
    assert faust is not None
    assert (faust.protocol.value, faust.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-256")  # type: ignore[attr-defined]
    assert (faust.username, faust.password) == ("segue", "hush")  # type: ignore[attr-defined]
    assert faust.ssl_context.check_hostname  # type: ignore[attr-defined]


def test_without_security_settings_clients_use_none(kafka: None) -> None:
    from stream_app.partitions.credentials import credentials

    brokers = Settings().brokers
    assert credentials(brokers) is None
    assert brokers.config["security.protocol"] == "PLAINTEXT"
    assert not [name for name in brokers.config if name.startswith(("sasl", "ssl"))]


def test_a_secret_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://segue:hush@db/segue\n")
    monkeypatch.setenv("SEGUE_DATABASE_URL_FILE", str(file))
    assert Settings().database == "postgresql://segue:hush@db/segue"
    monkeypatch.setenv("SEGUE_DATABASE_URL", "postgresql://other@db/segue")
    assert Settings().database == "postgresql://other@db/segue"


def test_a_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_SASL_PASSWORD_FILE", "/nowhere/password")
    with pytest.raises(FileNotFoundError, match="SEGUE_SASL_PASSWORD_FILE: can't read /nowhere/password"):
        Settings()


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"SASL_PASSWORD": ""}, "SASL_SSL needs SEGUE_SASL_USERNAME and SEGUE_SASL_PASSWORD"),
        ({"SASL_MECHANISM": "GSSAPI"}, "SEGUE_SASL_MECHANISM: Input should be 'PLAIN'"),
        ({"SECURITY_PROTOCOL": "TLS"}, "SEGUE_SECURITY_PROTOCOL: Input should be 'PLAINTEXT'"),
        ({"SSL_CA_FILE": "/nowhere/ca.pem"}, "SEGUE_SSL_CA_FILE names a file that does not exist"),
        ({"MAX_AHEAD": "hush"}, "SEGUE_MAX_AHEAD: give seconds, or a number with s, m, h or d"),
        ({"MAX_AHEAD": "-1d"}, "SEGUE_MAX_AHEAD: give seconds, or a number with s, m, h or d"),
        ({"CONTROL_KEY": "long enough as a hush"}, "SEGUE_CONTROL_KEY: a key needs 16 characters or more"),
        ({"BATCH_SIZE": "hush"}, "SEGUE_BATCH_SIZE: "),
    ],
)
def test_an_error_is_one_line_without_the_values(
    variables: dict[str, str], reason: str, sasl: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"SEGUE_{name}", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert bad_setting(caught.value).startswith(reason)
    assert "hush" not in bad_setting(caught.value) + str(caught.value)


def test_settings_as_text_show_no_secret(kafka: None, sasl: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_DATABASE_URL", "postgresql://segue:quiet@db/segue")
    settings = Settings()
    for text in (repr(settings), str(settings.brokers), repr(settings.brokers), settings.model_dump_json()):
        assert "hush" not in text
        assert "quiet" not in text
    assert sorted(settings.secrets) == ["hush", "quiet"]


def test_every_secret_is_listed(sasl: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_SASL_PASSWORD", "odd://one")
    monkeypatch.setenv("SEGUE_DATABASE_URL", "postgresql://db/segue?user=segue&password=quiet&sslpassword=key")
    monkeypatch.setenv("SEGUE_WEBHOOK_URL", "https://us:pw@hooks.example/T0/secret")
    monkeypatch.setenv("SEGUE_WEBHOOK_SECRET", "whsec_new whsec_old")
    url = "https://us:pw@hooks.example/T0/secret"
    known = {"odd://one", "quiet", "key", url, "pw", "whsec_new whsec_old", "whsec_new", "whsec_old"}
    assert set(Settings().secrets) == known


@pytest.mark.parametrize(
    "url", ["postgresql://segue:quiet@db/segue", "postgresql://db/segue?user=segue&password=quiet&sslpassword=quiet"]
)
def test_a_database_is_shown_without_its_password(url: str) -> None:
    assert "quiet" not in shown(url)
    assert "db/segue" in shown(url)


def test_the_dashboard_has_its_own_user_unless_the_environment_names_a_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stack = {"database_url": "postgresql://owner@/x", "dashboard_database_url": "postgresql://reader@/x"}
    (tmp_path / STACK_FILE).write_text(json.dumps({"pid": os.getpid(), "settings": stack}))
    assert Settings().dashboard_database == "postgresql://reader@/x"
    monkeypatch.setenv("SEGUE_DATABASE_URL", "postgresql://owner@/y")
    assert Settings().dashboard_database == "postgresql://owner@/y"
    monkeypatch.setenv("SEGUE_DASHBOARD_DATABASE_URL", "postgresql://reader@/y")
    assert Settings().dashboard_database == "postgresql://reader@/y"


def test_an_address_is_never_guessed(tmp_path: Path) -> None:
    settings = Settings()
    for name, read in (("DATABASE_URL", lambda: settings.database), ("BOOTSTRAP_SERVERS", lambda: settings.brokers)):
        with pytest.raises(SegueError) as caught:
            read()
        assert str(caught.value) == f"no stack is running in {tmp_path} and SEGUE_{name} is not set"
        assert caught.value.hint is Hint.START_A_STACK
    with pytest.raises(SegueError):
        _ = settings.dashboard_database


def test_the_addresses_of_a_stack_that_is_gone_are_not_used(tmp_path: Path) -> None:
    left = {"bootstrap_servers": "127.0.0.1:1", "database_url": "postgresql://owner@/x"}
    (tmp_path / STACK_FILE).write_text(json.dumps({"pid": os.getpid(), "settings": left}))
    assert Settings().database == "postgresql://owner@/x"
    (tmp_path / STACK_FILE).write_text(json.dumps({"pid": 2**22 + 1, "settings": left}))
    with pytest.raises(SegueError, match="is gone \\(process 4194305\\) and SEGUE_DATABASE_URL is not set"):
        _ = Settings().database


def test_by_default_nothing_is_served_beyond_this_machine() -> None:
    assert Settings().web_host == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", timedelta(days=1)),
        ("90", timedelta(seconds=90)),
        ("1.5h", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
    ],
)
def test_how_far_ahead_an_event_time_may_be(text: str, expected: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_MAX_AHEAD", text)
    assert Settings().max_ahead == expected


def test_several_control_keys_are_secret_each(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = "the-newer-control-key", "the-older-control-key"
    monkeypatch.setenv("SEGUE_CONTROL_KEY", f"{first} {second}")
    settings = Settings()
    assert settings.control_keys == (first.encode(), second.encode())
    assert {first, second} <= set(settings.secrets)
    assert first not in repr(settings) + settings.model_dump_json()


def test_without_a_control_key_there_is_none() -> None:
    assert Settings().control_keys == ()


def test_amounts_are_written_in_the_currency_and_locale_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_CURRENCY", "EUR")
    monkeypatch.setenv("SEGUE_LOCALE", "de-DE")
    assert Settings().money == Money("EUR", "de_DE")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("SEGUE_CURRENCY", "Euro", "SEGUE_CURRENCY: 'Euro' is no currency: use EUR"),
        (
            "SEGUE_LOCALE",
            "german",
            "SEGUE_LOCALE: 'german' is no locale: use a language and a country, such as en_GB or de_DE",
        ),
    ],
)
def test_a_text_that_is_no_currency_or_locale_is_one_line_with_what_to_use(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError) as raised:
        Settings()
    assert bad_setting(raised.value) == message
