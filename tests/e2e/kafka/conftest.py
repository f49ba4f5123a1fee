"""Tests on a real Apache Kafka: they have the marker ``kafka``, and are skipped where Java or Maven is missing."""

from pathlib import Path

import pytest

from segue.local.apache.java import missing
from segue.local.soak.outcome import StoredOutcome, history
from tests.support.undisturbed import Undisturbed

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip before any fixture has started anything."""
    reason = missing()
    for item in items:
        if HERE in item.path.parents and "[embedded" not in item.name:
            item.add_marker(pytest.mark.kafka)
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def expected(undisturbed: Undisturbed) -> StoredOutcome:
    """The result of an undisturbed run on the embedded broker."""
    return _outcome(undisturbed)


@pytest.fixture(scope="session")
def medium_expected(medium_undisturbed: Undisturbed) -> StoredOutcome:
    """The same for the medium dataset."""
    return _outcome(medium_undisturbed)


def _outcome(left: Undisturbed) -> StoredOutcome:
    return StoredOutcome(left.rows, history(left.topic), left.states)
