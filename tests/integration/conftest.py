"""One Postgres server for all integration tests, and a fresh database for each of them."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, make_url, text

from data.postgres.database import engine, migrate
from tests.support.memory import folder_in_memory
from tests.support.postgres import new_database, opened, running_postgres


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running server."""
    with (
        folder_in_memory(tmp_path_factory.mktemp("postgres")) as folder,
        running_postgres(folder) as url,
    ):
        _keep_its_log_short(url)
        yield url


def _keep_its_log_short(url: str) -> None:
    """Let the server's own log, which may have a gigabyte otherwise, take little of the memory."""
    server = engine(url).execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("ALTER SYSTEM SET max_wal_size = '128MB'"))
        connection.execute(text("SELECT pg_reload_conf()"))
    server.dispose()


@pytest.fixture(scope="session")
def migrated(postgres_server: str) -> Iterator[str]:
    """The name of a database with all tables and no rows, to copy."""
    with new_database(postgres_server) as url:
        migrate(url)
        yield str(make_url(url).database)


@pytest.fixture
def migrated_url(postgres_server: str, migrated: str) -> Iterator[str]:
    """The URL of a database with all tables and no rows."""
    with new_database(postgres_server, migrated) as url:
        yield url


@pytest.fixture
def postgres(migrated_url: str) -> Iterator[Engine]:
    """An engine on a database with all tables and no rows."""
    with opened(migrated_url) as made:
        yield made


@pytest.fixture
def database_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database."""
    with new_database(postgres_server) as url:
        yield url
