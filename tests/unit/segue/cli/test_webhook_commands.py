"""``segue webhooks``: what is set wrong is said in one line, before anything is sent anywhere."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from segue.cli.app import app

RIGHT = {
    "SEGUE_WEBHOOK_URL": "https://me.example/hook/hush",
    "SEGUE_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


def segue(folder: Path, *arguments: str, **settings: str) -> Result:
    environment = {"SEGUE_STATE_DIR": str(folder), **RIGHT, **settings}
    return CliRunner().invoke(app, ["webhooks", *arguments], env=environment)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"SEGUE_WEBHOOK_URL": ""}, "webhooks are off: set SEGUE_WEBHOOK_URL"),
        ({"SEGUE_WEBHOOK_SECRET": ""}, "webhooks are signed: set SEGUE_WEBHOOK_SECRET"),
        ({"SEGUE_WEBHOOK_URL": "gopher://hush"}, "must begin with https:// or http://"),
        ({"SEGUE_WEBHOOK_WHERE": "to ~ At Risk"}, "SEGUE_WEBHOOK_WHERE: expected a comparison"),
        ({"SEGUE_WEBHOOK_NAME": "a webhook"}, "SEGUE_WEBHOOK_NAME"),
        ({"SEGUE_WEBHOOK_ATTEMPTS": "0"}, "SEGUE_WEBHOOK_ATTEMPTS"),
    ],
)
def test_settings_are_checked_first(settings: dict[str, str], reason: str, tmp_path: Path) -> None:
    result = segue(tmp_path, "run", **settings)
    assert result.exit_code == 1
    told = f"{result.stderr}{result.exception}"
    assert reason in told or reason.removeprefix("SEGUE_").lower() in told
    assert "hush" not in told


@pytest.mark.parametrize("arguments", [(), ("--all", "12345:1")])
def test_retry_wants_to_know_which(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = segue(tmp_path, "retry", *arguments)
    assert result.exit_code == 1
    assert "say which" in result.stderr


@pytest.mark.parametrize("which", ["12345", ":1", "12345:one", "12345:"])
def test_what_is_not_a_change_is_said_to_be_none(which: str, tmp_path: Path) -> None:
    result = segue(tmp_path, "retry", which)
    assert result.exit_code == 1
    assert "write CUSTOMER:SEQUENCE" in result.stderr
