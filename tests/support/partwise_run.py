"""A long run that replays a dataset part by part; the result must be right after each part."""

from dataclasses import dataclass
from threading import Thread

from batch.reconcile_stream import differences
from data.datasets.dataset import Dataset
from data.postgres import progress
from producers.replay import Section, occurred_at
from segue.local.soak.outcome import StoredOutcome
from segue.local.soak.run import ReplayGate, Running, wait_until


@dataclass
class PartwiseRun:
    """A run that replays the dataset part by part."""

    run: Running
    dataset: Dataset
    reached: int = 0

    def replay(self, stop: int, gate: ReplayGate) -> Thread:
        """Start to replay from the end of the last part; transactions of the same moment stay in the same part."""
        moments, start = occurred_at(self.dataset), self.reached
        stop = int(moments.searchsorted(moments[stop - 1], side="right"))
        section = Section(start, stop, int(moments[start]), int(moments[stop - 1]))
        self.reached = stop
        replay = Thread(target=self.run.replay, args=(self.dataset, gate, section), daemon=True)
        replay.start()
        return replay

    def next(self, gate: ReplayGate, parts: int) -> Thread:
        """Start to replay the next of ``parts`` equal parts, and return in the middle of it."""
        size = len(self.dataset.transactions) // parts
        before = self.run.applied()
        gate.open(size / 2)
        replay = self.replay(self.reached + size, gate)
        wait_until(lambda: self.run.applied() > before + size / 4, "in the middle of a part")
        return replay

    def finish(self, gate: ReplayGate, replay: Thread) -> None:
        """Wait until a replay has ended."""
        gate.open(float("inf"))
        replay.join(900)
        assert not replay.is_alive()


def owner(run: Running, partition: int) -> int:
    """Process id of the worker that holds a partition."""
    return _owners(run)[partition]


def owners(run: Running) -> set[int]:
    """Process ids of the workers that hold partitions."""
    return set(_owners(run).values())


def _owners(run: Running) -> dict[int, int]:
    return {row.partition: int(row.owner.rsplit(":", 1)[1]) for row in progress.partitions(run.replaying.postgres)}


def assert_right_so_far(parts: PartwiseRun, expected: StoredOutcome) -> None:
    """The rows must be those of a run without faults up to the watermark, and each change in the topic once."""
    outcome, reached = parts.run.outcome(), progress.current_watermark(parts.run.replaying.postgres)
    rows, history = outcome.rows, outcome.history
    assert reached is not None
    for table in ("transactions", "segment_changes"):
        assert all(expected.rows[table].get(key) == row for key, row in rows[table].items()), table
    assert len(rows["transactions"]) == parts.reached
    due = [key for key, row in expected.rows["segment_changes"].items() if row["effective_at"] <= reached]
    assert rows["segment_changes"].keys() >= set(due)
    published = {(customer, change["sequence"]) for customer, own in history.changes.items() for change in own}
    assert published == rows["segment_changes"].keys()
    assert (history.repeats, history.gaps) == (0, 0)
    assert len(differences(parts.run.settings.database, parts.dataset)) == 0
