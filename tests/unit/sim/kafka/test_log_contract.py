"""The contract of the log, on the simulated Kafka (tests/e2e/kafka/test_simulated_log.py has a real one)."""

from collections.abc import Iterator

import pytest

from tests.support.log_contract import LogContract
from tests.support.simulated_kafka import SimulatedKafka


@pytest.fixture(params=range(3))
def kafka(request: pytest.FixtureRequest) -> Iterator[SimulatedKafka]:
    broker = SimulatedKafka(request.param)
    yield broker
    broker.close()


class TestSimulatedKafka(LogContract):
    """All of it."""
