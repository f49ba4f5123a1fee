"""Connecting to Postgres, and bringing its schema up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine

_MIGRATIONS = Path(__file__).parent / "migrations"
_DRIVER = "postgresql+psycopg://"
_PLAIN = ("postgresql://", "postgres://")


def engine(database_url: str) -> Engine:
    """An engine over psycopg 3 for a plain ``postgresql://`` URL.

    Raises
    ------
    ValueError
        If the URL is of another database. The message leaves the URL out: it may hold a password.
    """
    for prefix in _PLAIN:
        if database_url.startswith(prefix):
            database_url = _DRIVER + database_url.removeprefix(prefix)
    if not database_url.startswith(_DRIVER):
        raise ValueError("the database URL must begin with postgresql://")
    return create_engine(database_url, pool_pre_ping=True)


def migrate(database_url: str) -> None:
    """Create the schema, or bring an older one up to date; does nothing where it is current."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["engine"] = engine(database_url)
    command.upgrade(config, "head")
