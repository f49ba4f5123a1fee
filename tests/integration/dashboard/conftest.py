"""Databases with the rows that a stream has written: each is made once for a test process, and copied for a test.

Also, Streamlit looks once for packages with components. Its test harness would look at every run of a page, and read
the metadata of every installed package: that took most of a page's time.
"""

from collections.abc import Iterator
from functools import cache

import pytest
from sqlalchemy import Engine, make_url
from streamlit.components.v2 import manifest_scanner

from data.postgres.database import engine as connect
from models.segment_model import SegmentModel
from tests.support import generated_tables, processed_stream
from tests.support.generated_tables import Stored, a_model, a_stream
from tests.support.postgres import new_database
from tests.support.processed_stream import Lived
from tests.support.rhythm import store_predictions

# By the fixture that promises rows: the fixture of the database that holds them.
_COPIED = {"filled": "_filled", "processed": "_processed"}


@pytest.fixture(scope="session", autouse=True)
def _one_look_for_components() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture
def model() -> SegmentModel:
    """The champion."""
    return a_model()


@pytest.fixture
def stream(model: SegmentModel) -> Stored:
    """The rows that a stream has written."""
    return a_stream(model)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, postgres_server: str) -> Iterator[str]:
    """The URL of a database: with the rows that ``filled`` or ``processed`` promises to the test, otherwise empty."""
    template = "template1"
    for promised, database in _COPIED.items():
        if promised in request.fixturenames:
            template = request.getfixturevalue(database)
    with new_database(postgres_server, template) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on the database."""
    connected = connect(database_url)
    yield connected
    connected.dispose()


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """An engine on a database that holds the stream."""
    return engine


@pytest.fixture
def processed(engine: Engine, _lived: Lived) -> Lived:
    """The worker's result for a small stream, stored in the database; all tests read the same one."""
    return _lived


@pytest.fixture(scope="session")
def _lived() -> Lived:
    return processed_stream.live(a_model(), processed_stream.messages())


@pytest.fixture(scope="session")
def _filled(postgres_server: str) -> Iterator[str]:
    """The name of a database that holds the stream, to copy."""
    with new_database(postgres_server) as url:
        connected = connect(url)
        generated_tables.store(connected, a_model(), a_stream(a_model()))
        connected.dispose()
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def _processed(postgres_server: str, _lived: Lived) -> Iterator[str]:
    """The name of a database that holds the worker's result, to copy."""
    with new_database(postgres_server) as url:
        connected = connect(url)
        processed_stream.store(connected, a_model(), _lived)
        connected.dispose()
        yield str(make_url(url).database)


@pytest.fixture
def predicting(filled: Engine) -> Engine:
    """The stored champion carries predictions."""
    store_predictions(filled)
    return filled
