"""One simulated Postgres server for all histories of a module."""

from collections.abc import Iterator

import pytest

from sim.postgres.server import PostgresServer
from tests.support.postgres import new_database


@pytest.fixture(scope="module")
def server(postgres_server: str, migrated: str) -> Iterator[PostgresServer]:
    """A server that only the histories of this module use."""
    with new_database(postgres_server, migrated) as url:
        made = PostgresServer(url)
        yield made
        made.close()
