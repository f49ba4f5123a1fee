"""Connecting to Postgres, and migrating its schema."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event

from data.postgres import pooler, roles
from runtime.postgres_url import parsed

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

CONNECT_SECONDS = 30
_MIGRATIONS = Path(__file__).parent / "migrations"


def engine(database_url: str, connect_seconds: int | None = None) -> Engine:
    """An engine over psycopg 3 for a plain ``postgresql://`` URL. The time zone of its sessions is UTC.

    ``connect_seconds`` limits how long connecting may take, by default :data:`CONNECT_SECONDS`, unless the URL has a
    limit of its own. A server that accepts and is silent must not hang anyone forever.

    Raises
    ------
    ValueError
        If the URL is not valid; see :func:`runtime.postgres_url.parsed`. Using the engine raises
        :class:`~data.postgres.pooler.SharedSessionError` behind a connection pooler that shares sessions.
    """
    made = create_engine(**_settings(database_url, connect_seconds))
    event.listen(made, "connect", _begin_session)
    return made


def async_engine(database_url: str, connections: int) -> "AsyncEngine":
    """:func:`engine` for an event loop, which keeps this many connections open.

    Every statement is a Postgres transaction of its own: a reader of one query waits for no BEGIN and ROLLBACK.
    """
    # Importing it is slow, and only the HTTP API needs it.
    from sqlalchemy.ext.asyncio import create_async_engine

    made = create_async_engine(**_settings(database_url, None), pool_size=connections, isolation_level="AUTOCOMMIT")
    event.listen(made.sync_engine, "connect", _begin_session)
    return made


def _settings(database_url: str, connect_seconds: int | None) -> dict[str, Any]:
    url = parsed(database_url)
    own = "connect_timeout" in url.query
    limits = {} if own else {"connect_timeout": CONNECT_SECONDS if connect_seconds is None else connect_seconds}
    return {"url": url, "pool_pre_ping": True, "connect_args": limits}


def migrate(database_url: str) -> roles.Granted:
    """Create the schema or migrate an older one, and give the roles their rights.

    Returns what the current user has no right to do.
    """
    # Importing Alembic is slow, and only a migration needs it.
    from alembic import command
    from alembic.config import Config

    connected = engine(database_url)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["engine"] = connected
    command.upgrade(config, "head")
    granted = roles.grant(connected)
    connected.dispose()
    return granted


def revision(database_url: str) -> str | None:
    """The revision of the schema in a database; None if it is empty."""
    from alembic.migration import MigrationContext

    connected = engine(database_url)
    try:
        with connected.connect() as connection:
            found: str | None = MigrationContext.configure(connection).get_current_revision()
            return found
    finally:
        connected.dispose()


def newest_revision() -> str:
    """The revision of the schema that this version needs."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return str(ScriptDirectory.from_config(config).get_current_head())


def _begin_session(connection: Any, _: object) -> None:
    """Set the session's time zone, in which Postgres returns moments, and refuse a session that is shared.

    A database or a role may have another default time zone.
    """
    # A statement, because the URL may have options of its own and not every connection pooler accepts options.
    cursor = connection.cursor()
    cursor.execute("SELECT set_config('TimeZone', 'UTC', false), pg_backend_pid()")
    backend = cursor.fetchone()[1]
    cursor.close()
    connection.commit()
    opened = getattr(connection, "driver_connection", connection)
    pooler.check(opened.info.backend_pid, backend, pooler.parameters_of(opened))
