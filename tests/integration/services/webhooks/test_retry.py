"""``segue webhooks retry`` reports why a change fails again."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from data.postgres import webhooks
from data.postgres.database import engine
from data.postgres.webhooks import AbandonedChange
from segue.cli.app import app


def test_a_change_that_fails_again_is_reported_with_its_reason(
    migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks.set_aside(engine(migrated_url), "webhook", [AbandonedChange("C1", 1, b"{}", "gone", 1)])
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SEGUE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("SEGUE_WEBHOOK_URL", "http://127.0.0.1:1/")
    monkeypatch.setenv("SEGUE_WEBHOOK_SECRET", "whsec_" + "A" * 32)
    result = CliRunner().invoke(app, ["webhooks", "retry", "--all"])
    assert result.exit_code == 1
    lines = result.output.strip().splitlines()
    assert "0 delivered, 1 failed again" in lines[-2]
    assert lines[-1].startswith("1 waits: ")
    assert "gone" not in lines[-1]
