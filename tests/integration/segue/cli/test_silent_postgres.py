"""A Postgres that accepts connections and does not answer: commands that look end with one line."""

import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from data.postgres.database import engine
from runtime.settings import Settings
from segue.cli import main, postgres

LOOKING = [
    ("status",),
    ("models", "list"),
    ("models", "show"),
    ("dlq", "list"),
    ("faults", "list"),
    ("drift", "status"),
    ("webhooks", "status"),
    ("control", "pause"),
    ("changes",),
    ("reconcile", __file__),
    ("fit", __file__),
]


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_a_server_that_accepts_and_is_silent_is_reported(
    command: tuple[str, ...],
    silent_port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    limits: list[int] = []

    def hurried(*given: Any, connect_timeout: int, **named: Any) -> Any:
        limits.append(connect_timeout)
        return connect(*given, connect_timeout=2, **named)

    connect = psycopg.connect
    monkeypatch.setattr(psycopg, "connect", hurried)
    monkeypatch.setenv("SEGUE_DATABASE_URL", f"postgresql://segue@127.0.0.1:{silent_port}/segue")
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["segue", *command])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    said = capsys.readouterr().err
    assert "error: can't reach Postgres (connection timeout expired)" in said
    assert "Traceback" not in said
    assert limits
    assert max(limits) <= 30


def test_a_statement_that_is_never_answered_is_given_up(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_DATABASE_URL", database_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    with (
        postgres.connect(Settings(), 1).connect() as connection,
        pytest.raises(OperationalError, match="no answer for 1 seconds"),
    ):
        connection.execute(text("SELECT pg_sleep(600)"))


def test_a_statement_that_is_answered_leaves_no_alarm(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_DATABASE_URL", database_url)
    monkeypatch.setenv("SEGUE_STATE_DIR", str(tmp_path))
    # pytest may have an alarm of its own, which comes sooner than this one would.
    before, (left, _) = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    with postgres.connect(Settings(), 1e6).connect() as connection:
        connection.execute(text("SELECT 1"))
        assert signal.getsignal(signal.SIGALRM) is before
        assert signal.getitimer(signal.ITIMER_REAL)[0] <= left


def test_a_limit_in_the_url_wins(silent_port: int) -> None:
    url = f"postgresql://segue@127.0.0.1:{silent_port}/segue?connect_timeout=2"
    with pytest.raises(OperationalError, match="timeout"):
        engine(url, 900).connect()
