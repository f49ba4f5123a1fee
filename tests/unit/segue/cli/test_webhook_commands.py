"""``segue webhooks`` reports an invalid setting in one line, before it sends anything."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from segue.cli.app import app

RIGHT = {
    "SEGUE_WEBHOOK_URL": "https://me.example/hook/hush",
    "SEGUE_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}
RISK = {"SEGUE_WEBHOOK_CHANGES": "risk"}


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
        ({"SEGUE_WEBHOOK_CHANGES": "both"}, "SEGUE_WEBHOOK_CHANGES"),
        (RISK | {"SEGUE_WEBHOOK_WHERE": "to = At Risk"}, "SEGUE_WEBHOOK_WHERE: `to` is compared with one of on_rhythm"),
        (RISK | {"SEGUE_WEBHOOK_WHERE": "monetary > 1"}, "SEGUE_WEBHOOK_WHERE: risk changes have no field `monetary`"),
        (
            RISK | {"SEGUE_WEBHOOK_WHERE": "country = France"},
            "risk changes have no field `country`; they have customer",
        ),
        ({"SEGUE_WEBHOOK_ATTEMPTS": "0"}, "SEGUE_WEBHOOK_ATTEMPTS"),
    ],
)
def test_settings_are_checked_first(settings: dict[str, str], reason: str, tmp_path: Path) -> None:
    result = segue(tmp_path, "run", **settings)
    assert result.exit_code == 1
    message = f"{result.stderr}{result.exception}"
    assert reason in message or reason.removeprefix("SEGUE_").lower() in message
    assert "hush" not in message


def test_the_kind_of_changes_on_the_command_line_wins_over_the_setting(tmp_path: Path) -> None:
    refused = segue(tmp_path, "run", "--changes", "segments", SEGUE_WEBHOOK_WHERE="to = due and next_at > 1", **RISK)
    assert "SEGUE_WEBHOOK_WHERE: changes have no field `next_at`" in refused.stderr
    refused = segue(tmp_path, "run", "--changes", "risk", SEGUE_WEBHOOK_WHERE="frequency > many")
    assert "SEGUE_WEBHOOK_WHERE: `frequency` is compared with a number, not `many`" in refused.stderr
    refused = segue(tmp_path, "run", "--changes", "both")
    assert refused.exit_code == 2
    assert "'both' is not one of 'segments', 'risk'" in " ".join(refused.stderr.replace("│", " ").split())


@pytest.mark.parametrize("arguments", [(), ("--all", "12345:1")])
def test_a_retry_needs_exactly_one_way_to_choose(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = segue(tmp_path, "retry", *arguments)
    assert result.exit_code == 1
    assert "say which" in result.stderr


@pytest.mark.parametrize("which", ["12345", ":1", "12345:one", "12345:"])
def test_an_invalid_change_is_refused_in_one_line(which: str, tmp_path: Path) -> None:
    result = segue(tmp_path, "retry", which)
    assert result.exit_code == 1
    assert "write CUSTOMER:SEQUENCE" in result.stderr
