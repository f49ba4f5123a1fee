"""What tests on a real Apache Kafka share. Where there is no Java or no Maven they are skipped, and say so."""

from pathlib import Path

import pytest

from segue.local.apache.java import missing
from segue.local.soak.outcome import Outcome, history
from tests.e2e.conftest import Undisturbed

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip before any fixture has started anything."""
    reason = missing()
    if reason is not None:
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def expected(undisturbed: Undisturbed) -> Outcome:
    """What a run on the embedded broker leaves, without any faults."""
    return Outcome(undisturbed.rows, history(undisturbed.topic), undisturbed.states)
