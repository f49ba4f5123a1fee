"""One Postgres server for all integration tests, and a fresh database for each of them."""

from collections.abc import Iterator

import pytest

from tests.support.postgres import new_database, running_postgres


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running server."""
    with running_postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def database_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database."""
    with new_database(postgres_server) as url:
        yield url
