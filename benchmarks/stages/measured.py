"""CPU of this process by stage, and of Postgres by statement."""

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from benchmarks.compare.usage import cpu_seconds
from stream_app.storage import connection as of_worker
from stream_app.storage import risk_statements, statements
from stream_app.storage.arrays import register
from stream_app.storage.connection import Connect

_NAMES = {
    value: name
    for module in (statements, risk_statements)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}
_OTHERS = "other statements"


class Stages:
    """Seconds of CPU of this thread by stage, and of Postgres's processes by statement."""

    def __init__(self) -> None:
        self.python: defaultdict[str, float] = defaultdict(float)
        self.postgres: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What the block uses belongs to a stage."""
        began = time.thread_time()
        yield
        self.python[name] += time.thread_time() - began

    @contextmanager
    def statement(self, name: str, backend: int) -> Iterator[None]:
        """What a process of Postgres uses in the block belongs to a statement."""
        began = _used(backend)
        yield
        self.postgres[name] += _used(backend) - began


def _used(pid: int) -> float:
    """Seconds of CPU of a process that waits now, which ``/proc/PID/stat`` gives in hundredths only."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


class Server:
    """CPU of all processes of a Postgres server, and its write-ahead log, from now on.

    A process that has just ended may be missing, so connections stay open until :meth:`since`.
    """

    def __init__(self, postmaster: int, url: str) -> None:
        self._postmaster = postmaster
        self._connection = psycopg.connect(url, autocommit=True)
        self._before = self._read()

    def since(self) -> tuple[float, float]:
        """Seconds of CPU, and bytes of the log."""
        cpu, wal = (after - before for after, before in zip(self._read(), self._before, strict=True))
        return cpu, wal

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def _read(self) -> tuple[float, float]:
        row = self._connection.execute("SELECT (pg_current_wal_insert_lsn() - '0/0')::float8").fetchone()
        return cpu_seconds(self._postmaster), row[0] if row else 0.0


def together(url: str) -> Connect:
    """Connections as the worker has them."""

    async def connect(partition: int) -> AsyncConnection[Any]:
        return await of_worker.connect(url, partition)

    return connect


def apart(url: str, stages: Stages) -> Connect:
    """Connections that send each statement alone, and count what Postgres uses for it."""

    async def connect(partition: int) -> AsyncConnection[Any]:
        name = f"{of_worker.APPLICATION} {partition}"
        connection = await _Apart.connect(url, prepare_threshold=2, application_name=name)
        connection.stages = stages
        connection.cursor_factory = _ApartCursor
        register(connection)
        return connection

    return connect


class _Apart(AsyncConnection[TupleRow]):
    stages: Stages

    async def commit(self) -> None:
        with self.stages.statement("COMMIT", self.info.backend_pid):
            await super().commit()

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[Any]:
        """Not a pipeline, in which Postgres would answer all statements together."""
        yield None


class _ApartCursor(AsyncCursor[TupleRow]):
    async def execute(self, query: Any, *arguments: Any, **options: Any) -> Self:
        connection = self.connection
        assert isinstance(connection, _Apart)  # noqa: S101 - only it makes these cursors
        with connection.stages.statement(_NAMES.get(query, _OTHERS), connection.info.backend_pid):
            return await super().execute(query, *arguments, **options)
