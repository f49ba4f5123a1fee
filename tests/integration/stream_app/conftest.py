"""A migrated database with a registered model."""

import pytest

from data.postgres import model_registry
from data.postgres.database import engine, migrate
from tests.support.builders import recency_model


@pytest.fixture
def database(database_url: str) -> str:
    """The URL of a database whose champion is :func:`tests.support.builders.recency_model`."""
    migrate(database_url)
    model_registry.register(engine(database_url), recency_model())
    return database_url
