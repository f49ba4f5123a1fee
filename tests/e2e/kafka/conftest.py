"""What tests of faults on a real Apache Kafka share.

They take minutes and kill what they started, so they run when they are asked for: SEGUE_TEST_FAULTS=1. Where there is
no Java or no Maven they are skipped, and say so.
"""

import os

import pytest

from segue.soak.outcome import Outcome, history
from segue.stack.apache.java import missing
from tests.e2e.conftest import Undisturbed

MISSING = missing()


@pytest.fixture(autouse=True)
def _needs_kafka() -> None:
    if not os.environ.get("SEGUE_TEST_FAULTS"):
        pytest.skip("set SEGUE_TEST_FAULTS=1 to run tests of faults")
    if MISSING is not None:
        pytest.skip(MISSING)


@pytest.fixture(scope="session")
def expected(undisturbed: Undisturbed) -> Outcome:
    """What a run on the embedded broker leaves, without any faults."""
    return Outcome(undisturbed.rows, history(undisturbed.topic))
