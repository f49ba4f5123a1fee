"""A replay whose log loses records, and whose topic is created again, comes to the same end as without any fault."""

from pathlib import Path

import pytest

from data.datasets.dataset import Dataset
from models.segment_model import SegmentModel
from segue.local.soak import storm
from segue.local.soak.faults import LOG_FAULTS
from segue.local.soak.outcome import Outcome

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(1_800)]


def test_what_the_log_has_lost_and_got_again_changes_nothing(
    dataset: Dataset, model: SegmentModel, expected: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storm, "ALL", LOG_FAULTS)
    report = storm.storm(tmp_path / "storm", dataset, model, expected, seed=3, faults=2, say=print)
    print(report)  # noqa: T201
    assert {strike.fault for strike in report.strikes} == LOG_FAULTS.keys()
    assert report.transactions == len(dataset.transactions)
    assert report.clean
