"""Databases with the rows that a stream has written."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from data.postgres.database import engine as connect
from models.segment_model import SegmentModel
from tests.support import lived
from tests.support.lived import Lived
from tests.support.stored import Stored, a_model, a_stream, store


@pytest.fixture
def model() -> SegmentModel:
    """The champion."""
    return a_model()


@pytest.fixture
def stream(model: SegmentModel) -> Stored:
    """The rows that a stream has written."""
    return a_stream(model)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on an empty database."""
    empty = connect(database_url)
    yield empty
    empty.dispose()


@pytest.fixture
def filled(engine: Engine, model: SegmentModel, stream: Stored) -> Engine:
    """An engine on a database that holds the stream."""
    store(engine, model, stream)
    return engine


@pytest.fixture
def processed(engine: Engine, model: SegmentModel) -> Lived:
    """The processor's result for a small stream, stored in the database."""
    found = lived.live(model, lived.messages())
    lived.store(engine, model, found)
    return found
