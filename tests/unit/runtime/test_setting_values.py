"""``segue settings``: the value that counts and its source, without a secret."""

import json
import os
from pathlib import Path

import pytest

from runtime.running_stack import STACK_FILE
from runtime.setting_values import SettingValue, setting_values
from runtime.settings import Settings


def value_of(name: str) -> SettingValue:
    return next(each for each in setting_values(Settings()) if each.name == name)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in [name for name in os.environ if name.startswith("SEGUE_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))


def test_each_source_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stack = {"bootstrap_servers": "127.0.0.1:1", "database_url": "postgresql://owner@/x", "partitions": "0"}
    (tmp_path / STACK_FILE).write_text(json.dumps({"pid": os.getpid(), "settings": stack}))
    (tmp_path / "key").write_text("a-key-of-some-length\n")
    monkeypatch.setenv("SEGUE_CONTROL_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("SEGUE_DATABASE_URL", "postgresql://me:hush@db/segue")
    monkeypatch.setenv("segue_currency", "EUR")
    assert value_of("currency")[2:] == ("EUR", "environment")
    assert value_of("control_key")[2:] == ("********", f"file {tmp_path / 'key'}")
    assert value_of("partitions")[2:] == ("0", "running stack")
    assert value_of("bootstrap_servers")[2:] == ("127.0.0.1:1", "running stack")
    assert value_of("database_url")[2:] == ("postgresql://me:***@db/segue", "environment")
    assert value_of("batch_size")[2:] == ("20000", "default")
    assert value_of("webhook_url")[2:] == (None, "default")


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_WEBHOOK_URL", "https://us:hush@hooks.example/hush")
    monkeypatch.setenv("SEGUE_WEBHOOK_SECRET", "whsec_hush")
    monkeypatch.setenv("SEGUE_WORKER_PASSWORD", "hush")
    monkeypatch.setenv("SEGUE_DATABASE_URL", "postgresql://db/segue?password=hush")
    assert "hush" not in str(setting_values(Settings()))


def test_every_setting_is_listed() -> None:
    assert [each.name for each in setting_values(Settings())] == list(Settings.model_fields)
