"""A migrated database with a registered model."""

import pytest

from data.postgres import model_registry
from data.postgres.database import engine
from tests.support.builders import recency_model


@pytest.fixture
def database(migrated_url: str) -> str:
    """The URL of a database whose champion is :func:`tests.support.builders.recency_model`."""
    model_registry.register(engine(migrated_url), recency_model())
    return migrated_url
