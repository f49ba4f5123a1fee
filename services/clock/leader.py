"""Which of several clocks ticks: the one whose connection to Postgres holds an advisory lock."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

log = structlog.get_logger(__name__)

#: A leader that has asked Postgres nothing for this long is dead or frozen. A healthy one asks twice a second, and
#: waits half a minute at most for the broker.
SILENCE = timedelta(seconds=90)

# Any number will do that no other lock of Segue uses.
_TRY = text("SELECT pg_try_advisory_lock(7368808)")
_HELD = text(
    "SELECT clock_timestamp(), EXISTS (SELECT FROM pg_locks"
    " WHERE locktype = 'advisory' AND objid = 7368808 AND pid = pg_backend_pid() AND granted)"
)
# Postgres shows the state of a connection to its own role, and lets that role end it.
_END_SILENT = text(
    "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND objid = 7368808 AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND state = 'idle' AND clock_timestamp() - state_change > :silence"
)


class Leader:
    """One clock's claim to be the only one that ticks. Postgres ends the claim when the connection ends.

    The connection of a process that is frozen, or whose machine is lost, lives on: nothing closes it, for hours. So a
    clock that waits ends the connection of a leader that has been silent for longer than ``silence``.
    """

    def __init__(self, engine: Engine, silence: timedelta = SILENCE) -> None:
        self._engine = engine
        self._silence = silence
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The connection that holds the lock."""
        assert self._connection is not None  # noqa: S101 - callers ask leads() first
        return self._connection

    def leads(self) -> datetime | None:
        """Postgres' time if this clock may tick now, else None.

        Raises
        ------
        DBAPIError
            If Postgres does not answer. Another clock may lead then.
        """
        try:
            if self._connection is None:
                self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                if not self._connection.execute(_TRY).scalar_one():
                    if self._connection.execute(_END_SILENT, {"silence": self._silence}).scalar():
                        log.warning("the clock that led was silent for too long: its connection to Postgres is ended")
                    self.resign()
                    return None
                log.info("this clock leads")
            now, held = self._connection.execute(_HELD).one()
        except DBAPIError:
            self.resign()
            raise
        if not held:
            # A connection pooler may have exchanged the server connection.
            self.resign()
            return None
        return now  # type: ignore[no-any-return]

    def resign(self) -> None:
        """Let another clock lead."""
        if self._connection is not None:
            # Closing alone would return the connection, and with it the lock, to the pool.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
