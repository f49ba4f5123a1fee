"""`segue dashboard` passes a database URL with write access to an operator's page only."""

import os
import sys

import pytest
from typer.testing import CliRunner

from segue.cli.app import app

OWNER, READER = "postgresql://owner@127.0.0.1/shop", "postgresql://reader@127.0.0.1/shop"


class ReplacedError(Exception):
    """Raised where the real process would be replaced."""


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "", "192.0.2.1"])  # noqa: S104 - refused
def test_an_operators_page_is_refused_where_other_machines_could_reach_it(address: str) -> None:
    result = CliRunner().invoke(app, ["dashboard", "--address", address, "--operator"])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: --address {address}: everyone who can connect")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("address", ["foo.invalid", "127.0.0.1:80", "192.0.2.1", "a" * 70 + ".invalid"])
def test_an_address_that_is_not_of_this_machine_is_refused_in_one_line(address: str) -> None:
    result = CliRunner().invoke(app, ["dashboard", "--address", address])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: --address {address}: this ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "writes_as"),
    [([], READER), (["--operator"], OWNER), (["--operator", "--operator-anywhere", "--address", "0.0.0.0"], OWNER)],  # noqa: S104 - asked for
)
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
    address = arguments[arguments.index("--address") + 1] if "--address" in arguments else "127.0.0.1"
    assert commands[0][commands[0].index("--server.address") + 1] == address
    after = commands[0][commands[0].index("--") :] if "--" in commands[0] else []
    flags = [flag for flag in arguments if flag.startswith("--operator")]
    assert after == (["--", *flags] if flags else [])
