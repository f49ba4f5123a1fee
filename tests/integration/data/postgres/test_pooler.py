"""A connection pooler in transaction mode is refused by name; one in session mode is as good as Postgres itself."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg import connect
from sqlalchemy import text

from data.postgres import pooler
from data.postgres.database import async_engine, engine, migrate
from data.postgres.pooler import SharedSessionError
from stream_app.storage.connection import connect as connect_worker
from tests.support.pgbouncer import PROGRAM, pooled

needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


class FakePooler:
    """A pooler whose connections answer from these sessions in turn."""

    def __init__(self, sessions: list[int]) -> None:
        self._sessions: Iterator[int] = iter(sessions)

    def __call__(self, **_: Any) -> "FakePooler":
        return self

    def __enter__(self) -> "FakePooler":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def execute(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(fetchone=lambda: (next(self._sessions),))


@pytest.mark.parametrize("sessions", [[7, 7, 7], [7, 8, 8], [7, 8, 9]])
def test_connections_that_share_sessions_are_refused(sessions: list[int]) -> None:
    with pytest.raises(SharedSessionError, match="transaction mode"):
        pooler.check(1, 7, {}, FakePooler(sessions))  # type: ignore[arg-type]


def test_connections_that_keep_their_sessions_are_accepted() -> None:
    pooler.check(1, 7, {}, FakePooler([8, 9, 8]))  # type: ignore[arg-type]


def test_postgres_itself_is_not_asked_a_second_time(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []

    def counting(*given: Any, **named: Any) -> Any:
        opened.append(connect(*given, **named))
        return opened[-1]

    monkeypatch.setattr(psycopg, "connect", counting)
    direct = engine(database_url)
    with direct.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    direct.dispose()
    assert len(opened) == 1


def test_the_parameters_of_a_connection_open_another_one(database_url: str) -> None:
    with connect(database_url) as first, connect(**pooler.parameters_of(first)) as second:
        assert (first.info.dbname, first.info.user) == (second.info.dbname, second.info.user)


@needs_pgbouncer
def test_a_pooler_in_transaction_mode_is_refused(database_url: str, tmp_path: Path) -> None:
    with pooled(database_url, tmp_path, "transaction") as url:
        with pytest.raises(SharedSessionError, match="pool_mode to session"):
            migrate(url)
        with pytest.raises(SharedSessionError, match="pool_mode to session"):
            asyncio.run(_ask(url))


@needs_pgbouncer
def test_a_pooler_in_session_mode_serves_the_migration_and_the_worker(database_url: str, tmp_path: Path) -> None:
    with pooled(database_url, tmp_path, "session") as url:
        migrate(url)
        asyncio.run(_ask(url))


async def _ask(url: str) -> None:
    made = async_engine(url, 1)
    async with made.connect() as connection:
        assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
    await made.dispose()
    worker = await connect_worker(url, 0)
    assert await (await worker.execute("SHOW transaction_timeout")).fetchone() == ("2min",)
    await worker.close()
