"""Which of several clocks ticks: the one whose connection to Postgres holds an advisory lock."""

from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

log = structlog.get_logger(__name__)

# Any number will do that no other lock of Segue uses.
_TRY = text("SELECT pg_try_advisory_lock(7368808)")
_HELD = text(
    "SELECT clock_timestamp(), EXISTS (SELECT FROM pg_locks"
    " WHERE locktype = 'advisory' AND objid = 7368808 AND pid = pg_backend_pid() AND granted)"
)


class Leader:
    """One clock's claim to be the only one that ticks. Postgres ends the claim when the connection ends."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
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
