"""Only one replay at a time sends into a stream: an advisory lock of Postgres, bound to a connection.

Postgres gives the lock back as soon as the connection ends, so a replay that was killed blocks no other one.
"""

import getpass
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, text
from sqlalchemy.exc import DBAPIError

from data.postgres import replay_control
from runtime.errors import Hint, SegueError

# Two numbers name the lock: "segue" and "play" in ASCII, as far as four bytes hold them.
_LOCK = {"first": 0x73656775, "second": 0x706C6179}
_NAME_LENGTH = 63
_ACQUIRE = text("SELECT pg_try_advisory_lock(:first, :second)")
_NAME = text("SELECT set_config('application_name', :name, false)")
# Postgres notices within half a minute that the machine of a replay is gone.
_KEEPALIVE = (
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
)
# The name of a connection is visible to every user; when it began is not.
_HOLDER = text("""
SELECT pid, application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND classid::int8 = :first AND objid::int8 = :second AND objsubid = 2 AND granted
  AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")


class ReplayRunningError(SegueError):
    """Another replay sends into the same stream."""


class ReplayLock:
    """The right to replay into a stream; :meth:`acquire` takes it until :meth:`release`, or until the process ends."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._dataset: str | None = None
        self._since = ""

    def acquire(self, dataset: str) -> None:
        """Take the lock for the replay of a dataset.

        Raises
        ------
        ReplayRunningError
            If another replay has it; the message says who and since when.
        """
        self._dataset, self._since = dataset, f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
        self._connect()

    def keep(self) -> None:
        """Take a lock again that was lost with its connection; if it was never taken, do nothing.

        Raises
        ------
        ReplayRunningError
            If another replay has taken it meanwhile.
        DBAPIError
            If Postgres does not answer.
        """
        if self._dataset is None:
            return
        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT 1"))
            except DBAPIError:
                self._disconnect()
        if self._connection is None:
            self._connect()

    def release(self) -> None:
        """Give the lock back."""
        self._dataset = None
        self._disconnect()

    def _connect(self) -> None:
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        # Not from the pool any more: closing it must end the session, and the lock with it.
        connection.detach()
        try:
            name = f"segue replay {_who()} since {self._since}"
            connection.execute(_NAME, {"name": name[:_NAME_LENGTH]})
            for statement in _KEEPALIVE:
                connection.execute(text(statement))
            if not connection.execute(_ACQUIRE, _LOCK).scalar_one():
                raise ReplayRunningError(_described(connection), Hint.STOP_THE_REPLAY)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DBAPIError):
                connection.close()


def _described(connection: Connection) -> str:
    row: Row[Any] | None = connection.execute(_HOLDER, _LOCK).first()
    who = "another process" if row is None else row.application_name.removeprefix("segue replay ")
    dataset = None
    # Without the tables, or the right to read them, the lock works all the same.
    with suppress(DBAPIError):
        dataset = next(
            (replay.dataset for replay in replay_control.read_replays(connection) if replay_control.alive(replay)), None
        )
    return f"a replay{'' if dataset is None else f' of {dataset}'} is running in this stream already: {who}"


def _who() -> str:
    """User, machine and process id, short enough for the name of a connection."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "user"
    return f"{user[:10]}@{socket.gethostname()[:12]}, process {os.getpid()}"
