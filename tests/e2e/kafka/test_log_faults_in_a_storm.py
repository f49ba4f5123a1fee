"""A replay whose log loses records, and whose topic is created again, comes to the same end as without any fault."""

from pathlib import Path

import pytest

from data.datasets.dataset import Dataset
from models.segment_model import SegmentModel
from segue.local.soak.faults import LOG_FAULTS
from segue.local.soak.outcome import StoredOutcome
from segue.local.soak.storm import storm

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(1_800)]


def test_what_the_log_has_lost_and_got_again_changes_nothing(
    medium_dataset: Dataset, medium_model: SegmentModel, medium_expected: StoredOutcome, tmp_path: Path
) -> None:
    folder, among = tmp_path / "storm", LOG_FAULTS.keys()
    report = storm(folder, medium_dataset, medium_model, medium_expected, seed=3, faults=2, say=print, among=among)
    print(report)  # noqa: T201
    assert {strike.fault for strike in report.strikes} == LOG_FAULTS.keys()
    assert report.transactions == len(medium_dataset.transactions)
    assert report.clean
