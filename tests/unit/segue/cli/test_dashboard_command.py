"""`segue dashboard` passes a database URL with write access to an operator's page only."""

import os
import sys

import pytest
from typer.testing import CliRunner

from segue.cli.app import app

OWNER, READER = "postgresql://owner@127.0.0.1/shop", "postgresql://reader@127.0.0.1/shop"


class ReplacedError(Exception):
    """Raised where the real process would be replaced."""


@pytest.mark.parametrize(("arguments", "writes_as"), [([], READER), (["--operator"], OWNER)])
def test_only_an_operators_page_gets_a_url_with_write_access(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], writes_as: str
) -> None:
    commands: list[list[str]] = []

    def replace(path: str, command: list[str]) -> None:
        assert path == sys.executable
        commands.append(command)
        raise ReplacedError

    monkeypatch.setattr(os, "execv", replace)
    monkeypatch.setenv("SEGUE_DATABASE_URL", OWNER)
    monkeypatch.setenv("SEGUE_DASHBOARD_DATABASE_URL", READER)
    result = CliRunner().invoke(app, ["dashboard", "--port", "8599", *arguments])
    assert isinstance(result.exception, ReplacedError)
    assert os.environ["SEGUE_DASHBOARD_DATABASE_URL"] == READER
    assert os.environ["SEGUE_DATABASE_URL"] == writes_as
    assert commands[0][commands[0].index("--server.address") + 1] == "127.0.0.1"
    after = commands[0][commands[0].index("--") :] if "--" in commands[0] else []
    assert after == (["--", "--operator"] if arguments else [])
