"""The number of workers, even while it changes, does not change the result."""

from pathlib import Path

import pytest

from data.datasets.dataset import Dataset
from data.postgres import progress
from models.segment_model import SegmentModel
from segue.local.soak.outcome import StoredOutcome
from segue.local.soak.run import ReplayGate, running, wait_until
from tests.support.partwise_run import PartwiseRun, assert_right_so_far, owners

pytestmark = pytest.mark.kafka

MOST = 4
PARTS = 12


def test_one_to_four_workers_that_come_and_go_give_the_same_result(
    medium_dataset: Dataset, medium_model: SegmentModel, medium_expected: StoredOutcome, tmp_path: Path
) -> None:
    with running(tmp_path, "apache", medium_model, workers=1, max_lag=5_000) as run:
        parts = PartwiseRun(run, medium_dataset)
        for workers in range(1, MOST + 1):
            if workers > 1:
                run.stack.start_workers(1)
            wait_until(lambda workers=workers: len(owners(run)) == workers, f"{workers} share the partitions")  # type: ignore[misc]
            gate = ReplayGate()
            parts.finish(gate, parts.next(gate, PARTS))
            assert_right_so_far(parts, medium_expected)
        for worker in run.stack.workers[1:]:
            run.stack.dismiss(worker)
        wait_until(lambda: len(owners(run)) == 1, "one worker takes over what the others had")
        gate = ReplayGate()
        parts.finish(gate, parts.next(gate, PARTS))
        assert_right_so_far(parts, medium_expected)
        assert progress.totals(run.replaying.postgres).duplicates == 0
        # A worker that leaves first saves the position that it has published: nothing is published again.
        assert run.outcome().history.repeats == 0
