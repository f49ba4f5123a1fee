"""The operator's trust after a disaster: an older copy of Postgres heals by itself, and nothing is published twice.

The workers either stop before Postgres goes back, or they run on, as in a failover to a replica that lags.
"""

import time
from pathlib import Path

import pytest

from data.datasets.dataset import Dataset
from data.postgres import progress
from models.segment_model import SegmentModel
from producers.replay import Section, occurred_at
from segue.local.soak.outcome import StoredOutcome
from segue.local.soak.run import Running, running, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(1_800)]

WORKERS = 2
# So small that catching up takes many micro-batches.
BATCH_SIZE = "50"


def part(dataset: Dataset, begin: float, end: float) -> Section:
    """The transactions between two shares of the dataset; what happened at one moment stays together."""
    moments, count = occurred_at(dataset), len(dataset.transactions)

    def boundary(share: float) -> int:
        at = round(count * share)
        return at if at in (0, count) else int(moments.searchsorted(moments[at - 1], side="right"))

    start, stop = boundary(begin), boundary(end)
    return Section(start, stop, int(moments[start]), int(moments[stop - 1]))


def changes(outcome: StoredOutcome) -> int:
    """How many changes the topic has of all customers."""
    return sum(map(len, outcome.history.changes.values()))


def stop_workers(run: Running) -> None:
    for worker in run.stack.workers:
        run.stack.dismiss(worker)


@pytest.mark.parametrize("workers_stop", [True, False], ids=["restored", "failover"])
def test_changes_that_a_restored_postgres_forgot_are_not_published_again(
    medium_dataset: Dataset,
    medium_model: SegmentModel,
    medium_expected: StoredOutcome,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    workers_stop: bool,
) -> None:
    monkeypatch.setenv("SEGUE_BATCH_SIZE", BATCH_SIZE)
    dataset, copy = medium_dataset, tmp_path / "copy"
    with running(tmp_path / "stack", "apache", medium_model, workers=WORKERS, max_lag=1_000) as run:
        postgres = run.stack.postgres
        run.replay(dataset, section=part(dataset, 0, 0.4))
        wait_until(lambda: not progress.unpublished(run.replaying.postgres), "before the copy")
        copied = run.outcome()
        postgres.halt("fast")
        postgres.copy_to(copy)
        postgres.resume()
        run.replay(dataset, section=part(dataset, 0.4, 0.7))
        ends = run.replaying.ends()
        forgotten = run.outcome()
        if workers_stop:
            stop_workers(run)
        postgres.halt("immediate")
        postgres.restore(copy)
        postgres.resume()
        run.replaying.postgres.dispose()
        if workers_stop:
            run.stack.start_workers(WORKERS)
        started = time.monotonic()

        def caught_up() -> bool:
            rows = progress.partitions(run.replaying.postgres)
            ahead = sum(row.changes_ahead for row in rows)
            return not ahead and all(row.next_offset >= end for row, end in zip(rows, ends, strict=True))

        wait_until(caught_up, "after the restoration")
        print(f"caught up after {time.monotonic() - started:.1f} s")  # noqa: T201
        healed = run.outcome()
        print(f"{healed.history.repeats:,} repeats, {healed.history.gaps} gaps")  # noqa: T201
        # What the workers had to recognize in the topic: the copy does not have it.
        assert changes(forgotten) > changes(copied)
        assert healed.history == forgotten.history
        assert healed.stale == 0
        # Publishing goes on from there, also under a further owner.
        run.replay(dataset, section=part(dataset, 0.7, 0.9))
        stop_workers(run)
        run.stack.start_workers(WORKERS)
        run.replay(dataset, section=part(dataset, 0.9, 1))
        outcome = run.outcome()
    assert (outcome.history.repeats, outcome.history.gaps) == (0, 0)
    assert outcome.differences(medium_expected) == 0
