"""Connecting to Postgres, and bringing its schema up to date."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event

from data.postgres import roles
from runtime.postgres_url import parsed

_MIGRATIONS = Path(__file__).parent / "migrations"


def engine(database_url: str) -> Engine:
    """An engine over psycopg 3 for a plain ``postgresql://`` URL; whatever the server's own zone, its sessions are UTC.

    Raises
    ------
    ValueError
        If :func:`parsed` does.
    """
    made = create_engine(parsed(database_url), pool_pre_ping=True)
    event.listen(made, "connect", _in_utc)
    return made


def migrate(database_url: str) -> list[roles.Role]:
    """Create the schema, or bring an older one up to date, and give the roles their rights.

    Returns the roles that are missing because we may not make any.
    """
    # Only who migrates waits for Alembic to be imported.
    from alembic import command
    from alembic.config import Config

    connected = engine(database_url)
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["engine"] = connected
    command.upgrade(config, "head")
    missing = roles.grant(connected)
    connected.dispose()
    return missing


def _in_utc(connection: Any, _: object) -> None:
    """Moments come in the session's zone, and a database or a role may have another one."""
    # Not among the options of the URL, which may have its own, and which not every connection pooler takes.
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()
