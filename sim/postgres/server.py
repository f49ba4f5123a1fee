"""The Postgres server of the simulated world: a real one, whose tables are emptied before every history.

Real connections stay open, and are lent to simulated ones: connecting would take longer than most histories.
"""

from typing import Any, cast

import psycopg
from psycopg import AsyncConnection, Connection, sql

from runtime.errors import SegueError
from stream_app.storage.arrays import register

#: The tables that a history writes.
TABLES = (
    "customers",
    "transactions",
    "segment_changes",
    "risk_states",
    "risk_changes",
    "stream_progress",
    "dead_letters",
    "erasures",
    "log_faults",
    "skipped_records",
    "model_activations",
    "model_reigns",
    "model_aliases",
    "models",
)
_REFUSE = """
CREATE OR REPLACE FUNCTION sim_refuse() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'refused on purpose'; END $$;
DROP TRIGGER IF EXISTS sim_refuse ON transactions;
CREATE TRIGGER sim_refuse BEFORE INSERT ON transactions FOR EACH ROW
  WHEN (NEW.transaction_id LIKE 'POISON%') EXECUTE FUNCTION sim_refuse()
"""
_ERASURE_KEY = b"\x01" * 32
# A lock that another simulated connection holds is never released meanwhile: one thread runs everything.
_SESSION = """
SET lock_timeout = '10ms'; SET synchronous_commit = off; SET jit = off; SET timezone = 'UTC';
SET max_parallel_workers_per_gather = 0
"""


class ForeignRowsError(SegueError):
    """A database is not empty, and no simulator has filled it."""


Copy = dict[str, bytes]
"""The rows of all tables, in the text format of ``COPY``."""


class PostgresServer:
    """A real database with all tables, which belongs to the simulator alone."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("+psycopg", "")
        self._idle: list[Connection[Any]] = []
        self._direct = self._connect(autocommit=True)
        self._refuse_foreign_rows()
        self._direct.execute("SET lock_timeout = '60s'")
        for table in TABLES:
            # What it does depends on real time.
            self._direct.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
        self._direct.execute("UPDATE erasure_key SET key = %s", [_ERASURE_KEY])
        self._direct.execute(_REFUSE)
        # As after the first model with a recency unit: no history depends on whether an earlier one had such a model.
        self._direct.execute("UPDATE schema_versions SET oldest_worker = database")
        self._direct.execute("INSERT INTO stream_currency (currency) VALUES ('GBP') ON CONFLICT DO NOTHING")

    def _refuse_foreign_rows(self) -> None:
        """Refuse a database with rows that no simulator has written: each history deletes all rows."""
        is_ours = self.rows("SELECT to_regproc('sim_refuse') IS NOT NULL")[0][0]
        filled = " UNION ALL ".join(f"(SELECT 1 FROM {table} LIMIT 1)" for table in TABLES)
        if not is_ours and self.rows(filled):
            self.close()
            raise ForeignRowsError("the database has rows, which the simulator would delete: give it an empty one")

    @property
    def direct(self) -> Connection[Any]:
        """The connection of the simulator itself, which no fault concerns."""
        return self._direct

    def _connect(self, autocommit: bool) -> Connection[Any]:
        connection: Connection[Any] = psycopg.connect(self._url, prepare_threshold=2)
        connection.execute(_SESSION)
        connection.commit()
        connection.autocommit = autocommit
        register(cast("AsyncConnection[Any]", connection))
        return connection

    def borrow(self) -> Connection[Any]:
        """A connection for a while."""
        return self._idle.pop() if self._idle else self._connect(autocommit=False)

    def give_back(self, connection: Connection[Any]) -> None:
        """Take a connection back; an open transaction is rolled back."""
        if connection.closed:
            return
        connection.rollback()
        self._idle.append(connection)

    def empty(self) -> None:
        """Delete everything that a history has written.

        Truncated tables have the same plans and the same order of rows each time.
        """
        self._direct.execute(f"TRUNCATE {', '.join(TABLES)}, drift_observations, drift_alarms")

    def copy(self) -> Copy:
        """All rows that are committed now."""
        return {table: self._copied(table) for table in TABLES}

    def _copied(self, table: str) -> bytes:
        # A restored table has its rows in another order, and so have customers who are due at one moment.
        reverse = sql.SQL(" ORDER BY customer_id DESC" if table in ("customers", "risk_states") else "")
        rows_of = sql.SQL("COPY (SELECT * FROM {}{}) TO STDOUT").format(sql.Identifier(table), reverse)
        with self._direct.cursor().copy(rows_of) as rows:
            return b"".join(bytes(part) for part in rows)

    def restore(self, copy: Copy) -> None:
        """Set all tables back to a copy. No borrowed connection may have an open transaction."""
        with self._direct.transaction():
            self._direct.execute("; ".join(f"DELETE FROM {table}" for table in TABLES))
            for table in ("models", *(name for name in TABLES if name != "models")):
                if copy[table]:
                    with self._direct.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as to:
                        to.write(copy[table])

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query of the simulator itself."""
        return self._direct.execute(query, parameters or None).fetchall()

    def close(self) -> None:
        """Disconnect."""
        for connection in [*self._idle, self._direct]:
            connection.close()
