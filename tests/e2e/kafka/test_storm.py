"""A full replay under a storm of faults has the same result.

``SEGUE_TEST_STORM_FAULTS=15`` has every fault of ``segue soak`` once, and a greater number some of them again.
"""

import os
from collections.abc import Collection
from pathlib import Path

import pytest

from data.datasets.dataset import Dataset
from models.segment_model import SegmentModel
from segue.local.soak.outcome import StoredOutcome
from segue.local.soak.storm import ALL, storm

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

#: One fault of each sort; a power cut kills the broker, the workers and Postgres at once.
FEW = ("worker killed", "worker becomes a zombie", "postgres restored to an older copy", "power cut", "late EndTxn")
AMONG: Collection[str] = ALL if "SEGUE_TEST_STORM_FAULTS" in os.environ else FEW
FAULTS = int(os.environ.get("SEGUE_TEST_STORM_FAULTS", len(FEW)))


@pytest.mark.timeout(3_600)
def test_a_storm_changes_nothing(
    dataset: Dataset, model: SegmentModel, expected: StoredOutcome, tmp_path: Path
) -> None:
    folder = tmp_path / "storm"
    report = storm(folder, dataset, model, expected, seed=4, faults=FAULTS, say=print, among=AMONG)
    print(report)  # noqa: T201
    assert len(report.strikes) == FAULTS
    assert report.transactions == len(dataset.transactions)
    assert report.duplicates == 0
    assert report.repeats == 0
    assert report.stale_states == 0
    assert report.unlike_undisturbed == 0
    assert report.unlike_recomputed == 0
    assert {strike.fault for strike in report.strikes} == {*AMONG} or len(AMONG) > FAULTS
