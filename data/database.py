"""Connecting to Postgres, and bringing its schema up to date."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from data import roles

_MIGRATIONS = Path(__file__).parent / "migrations"
_DRIVER = "postgresql+psycopg://"
_PLAIN = ("postgresql://", "postgres://")


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


def parsed(database_url: str) -> URL:
    """The parts of a ``postgresql://`` URL.

    Raises
    ------
    ValueError
        If it is none, or of another database. The message leaves the URL out: it may hold a password.
    """
    for prefix in _PLAIN:
        if database_url.startswith(prefix):
            database_url = _DRIVER + database_url.removeprefix(prefix)
    if not database_url.startswith(_DRIVER):
        raise ValueError("the database URL must begin with postgresql://")
    try:
        return make_url(database_url)
    except (ArgumentError, ValueError):
        # What SQLAlchemy and Python say quotes what may be a part of the password.
        reason = "the database URL must be postgresql://user:password@host:port/database, each percent-encoded"
        raise ValueError(reason) from None


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


def shown(database_url: str) -> str:
    """The URL as people and logs may see it: without what is secret in it."""
    url = make_url(database_url)
    public = url.difference_update_query([name for name in url.query if "password" in name])
    return public.render_as_string(hide_password=True)


def _in_utc(connection: Any, _: object) -> None:
    """Moments come in the session's zone, and a database or a role may have another one."""
    # Not among the options of the URL, which may have its own, and which not every connection pooler takes.
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()
