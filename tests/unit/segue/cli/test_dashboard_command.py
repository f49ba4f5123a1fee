"""`segue dashboard` passes a database URL with write access to an operator's page only."""

import os
import sys

import httpx
import pytest
from typer.testing import CliRunner, Result

from segue.cli.app import app
from segue.local.ports import is_free
from tests.support import oidc_provider

ISSUER = "https://login.example"
DESCRIBED = {"issuer": ISSUER} | dict.fromkeys(("authorization_endpoint", "token_endpoint", "jwks_uri"), ISSUER)
OWNER, READER = "postgresql://owner@127.0.0.1/shop", "postgresql://reader@127.0.0.1/shop"


class ReplacedError(Exception):
    """Raised where the real process would be replaced."""


ELSEWHERE = ["0.0.0.0", "::", "", "192.0.2.1"]  # noqa: S104 - refused


@pytest.mark.parametrize("insisting", [[], ["--allow-anonymous"]])
@pytest.mark.parametrize("address", ELSEWHERE)
def test_an_operators_page_without_a_login_is_refused_where_other_machines_could_reach_it(
    address: str, insisting: list[str]
) -> None:
    result = CliRunner().invoke(app, ["dashboard", "--address", address, "--operator", *insisting])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: --address {address}: everyone who can connect to an operator's dashboard")
    assert "--allow-anonymous" not in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("address", ELSEWHERE)
def test_a_page_without_a_login_is_refused_there_unless_somebody_insists(address: str) -> None:
    result = CliRunner().invoke(app, ["dashboard", "--address", address])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: --address {address}: everyone who can connect")
    assert "insist with --allow-anonymous" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("address", ["foo.invalid", "127.0.0.1:80", "192.0.2.1", "a" * 70 + ".invalid"])
def test_an_address_that_is_not_of_this_machine_is_refused_in_one_line(address: str) -> None:
    result = CliRunner().invoke(app, ["dashboard", "--address", address, "--allow-anonymous"])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: --address {address}: this ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "writes_as"),
    [([], READER), (["--operator"], OWNER), (["--allow-anonymous", "--address", "0.0.0.0"], READER)],  # noqa: S104 - asked for
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
    flags = [flag for flag in arguments if flag in ("--operator", "--allow-anonymous")]
    assert after == (["--", *flags] if flags else [])


def test_port_0_is_any_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    command = _started(monkeypatch, "--port", "0")
    assert is_free(int(command[command.index("--server.port") + 1]))
    assert command[command.index("--server.port") + 1] != "0"


def test_with_a_login_other_machines_may_reach_an_operators_page(monkeypatch: pytest.MonkeyPatch) -> None:
    command = _started(monkeypatch, "--operator", "--address", "0.0.0.0")  # noqa: S104 - asked for
    assert command[command.index("run") + 1].endswith("served.py")
    assert command[command.index("--") :] == ["--", "--operator"]
    assert not [part for part in command if oidc_provider.CLIENT_SECRET in part or oidc_provider.COOKIE_SECRET in part]


@pytest.mark.parametrize(
    ("status", "content", "reason"),
    [
        (404, {}, "answers 404"),
        (200, {"issuer": "x"}, "does not describe an OpenID Connect provider"),
        (200, ["no", "object"], "does not describe an OpenID Connect provider"),
        (200, DESCRIBED | {"issuer": "https://another.example"}, "calls itself https://another.example"),
    ],
)
def test_a_provider_that_is_none_is_one_line(
    monkeypatch: pytest.MonkeyPatch, status: int, content: object, reason: str
) -> None:
    answer = httpx.Response(status, json=content, request=httpx.Request("GET", ISSUER))
    monkeypatch.setattr(httpx, "get", lambda *_, **__: answer)
    result = _invoke(monkeypatch)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: SEGUE_OIDC_ISSUER {ISSUER}: ")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_provider_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    result = _invoke(monkeypatch, SEGUE_OIDC_ISSUER="http://127.0.0.1:1")
    assert result.exit_code == 1
    assert "the provider does not answer" in result.stderr
    assert result.stderr.count("\n") == 1


def test_half_a_login_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    result = _invoke(monkeypatch, SEGUE_OIDC_CLIENT_ID="")
    assert result.exit_code == 1
    assert "SEGUE_OIDC_CLIENT_ID" in str(result.exception)


def _invoke(monkeypatch: pytest.MonkeyPatch, *arguments: str, **more: str) -> Result:
    monkeypatch.setenv("SEGUE_DATABASE_URL", OWNER)
    monkeypatch.setenv("SEGUE_DASHBOARD_DATABASE_URL", READER)
    settings = oidc_provider.settings(ISSUER, "https://segue.example", "postgresql://masked@127.0.0.1/shop")
    for name, value in (settings | more).items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(app, ["dashboard", "--port", "8599", *arguments])


def _started(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[str]:
    """The command of the process that serves the dashboard."""
    commands: list[list[str]] = []

    def replace(_path: str, command: list[str]) -> None:
        commands.append(command)
        raise ReplacedError

    answer = httpx.Response(200, json=DESCRIBED, request=httpx.Request("GET", ISSUER))
    monkeypatch.setattr(httpx, "get", lambda *_, **__: answer)
    monkeypatch.setattr(os, "execv", replace)
    # The command sets variables of its own process.
    for name in ("SEGUE_DATABASE_URL", "SEGUE_DASHBOARD_DATABASE_URL", "SEGUE_MASKED_DATABASE_URL"):
        monkeypatch.setenv(name, "")
    assert isinstance(_invoke(monkeypatch, *arguments).exception, ReplacedError)
    return commands[0]
