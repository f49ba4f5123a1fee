"""One simulated Postgres server for all histories of a module."""

from collections.abc import Iterator

import pytest

from sim.postgres.server import PostgresServer
from tests.support.postgres import new_database


@pytest.fixture(scope="module")
def database_url(postgres_server: str, migrated: str) -> Iterator[str]:
    """A database that only the histories of this module use."""
    with new_database(postgres_server, migrated) as url:
        yield url


@pytest.fixture(scope="module")
def server(database_url: str) -> Iterator[PostgresServer]:
    """The server of that database."""
    made = PostgresServer(database_url)
    yield made
    made.close()
