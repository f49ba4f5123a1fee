"""A full replay under a storm of faults of every kind has the same result."""

from pathlib import Path

import pytest

from data.datasets.dataset import Dataset
from models.segment_model import SegmentModel
from segue.local.soak.outcome import Outcome
from segue.local.soak.storm import storm

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

#: `segue soak` has more of them.
FAULTS = 12


@pytest.mark.timeout(1_800)
def test_a_storm_changes_nothing(dataset: Dataset, model: SegmentModel, expected: Outcome, tmp_path: Path) -> None:
    report = storm(tmp_path / "storm", dataset, model, expected, seed=4, faults=FAULTS, say=print)
    print(report)  # noqa: T201
    assert len(report.strikes) == FAULTS
    assert report.transactions == len(dataset.transactions)
    assert report.duplicates == 0
    assert report.repeats == 0
    assert report.stale_states == 0
    assert report.unlike_undisturbed == 0
    assert report.unlike_recomputed == 0
    assert "worker killed" in {strike.fault for strike in report.strikes}
