"""A broker for commands."""

from collections.abc import Iterator

import pytest

from segue.local.embedded_broker import EmbeddedBroker


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker, which has no topic until one is used."""
    running = EmbeddedBroker.start(tmp_path_factory.mktemp("broker") / "log")
    yield running.bootstrap_servers
    running.stop()
