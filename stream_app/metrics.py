"""What a worker tells about itself: counters and histograms, fed once a batch, and gauges, worked out when asked for.

The counts are this process's own and start at 0 with it; what has come of the stream as a whole is in Postgres. Every
metric is explained in docs/metrics.md.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stream_app.core.apply import AppliedBatch, PartitionProgress
from stream_app.core.columns import LONG_AGO, Cause

# When each counter was made is of no use: all of them are as old as the process, which has a metric of its own.
disable_created_metrics()  # type: ignore[no-untyped-call]

_RECORDS = (1, 10, 50, 100, 500, 1_000, 2_000, 5_000, 10_000)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class LogEnd(NamedTuple):
    """What the consumer knows of a partition of the log: its end, and the seconds since the broker last said so."""

    end: int | None
    age: float | None


@dataclass(slots=True)
class PartitionStatus:
    """Where a partition of this worker stands. ``committed_at`` is monotonic seconds; a claim counts as a commit."""

    claimed: bool = False
    trouble: str | None = None
    next_offset: int = 0
    event_time: int = LONG_AGO
    change_position: int = 0
    published_position: int = 0
    committed_at: float = field(default_factory=time.monotonic)

    @property
    def commit_age(self) -> float:
        """Seconds since the last commit."""
        return time.monotonic() - self.committed_at


class Metrics:
    """All metrics of a worker, and the standing of its partitions. Read by another thread than the one that writes."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.partitions: dict[int, PartitionStatus] = {}
        self.joined = False
        #: Asks the consumer; set once there is one.
        self.reach: Callable[[int], LogEnd] = lambda _: LogEnd(None, None)
        self._records = self._counter("segue_records", "Log records whose effect has been committed.")
        self._transactions = self._counter("segue_transactions", "Transactions applied.")
        self._changes = self._counter("segue_segment_changes", "Segment changes, by cause.", "cause")
        self._dead_letters = self._counter("segue_dead_letters", "Records that could not be applied.")
        self._late = self._counter("segue_late_transactions", "Transactions that were late.")
        self._duplicates = self._counter("segue_duplicate_transactions", "Transactions that were known already.")
        self._failures = self._counter("segue_failures", "Faults that a partition waited out and recovered from.")
        self._fencings = self._counter("segue_fencings", "Times that another worker had claimed a partition.")
        self._batch_records = Histogram(
            "segue_batch_records", "Records in a micro-batch.", buckets=_RECORDS, registry=self.registry
        )
        self._batch_seconds = Histogram(
            "segue_batch_duration_seconds",
            "Seconds from taking up a micro-batch to its commit.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._causes = [self._changes.labels(cause.word) for cause in Cause]
        ProcessCollector(registry=self.registry)
        self.registry.register(_Gauges(self))

    def assigned(self, partition: int) -> None:
        """A partition is ours, and has yet to be claimed."""
        self.partitions[partition] = PartitionStatus()

    def claimed(self, progress: PartitionProgress) -> None:
        """A partition has been claimed, or taken up again after a fault."""
        standing = self.partitions.setdefault(progress.partition, PartitionStatus())
        standing.claimed, standing.trouble = True, None
        self._stand(standing, progress)

    def committed(self, progress: PartitionProgress, records: int, step: AppliedBatch, seconds: float) -> None:
        """A micro-batch has been committed."""
        self._records.inc(records)
        self._transactions.inc(len(step.applied))
        self._dead_letters.inc(len(step.dead_letters))
        self._late.inc(step.late)
        self._duplicates.inc(step.duplicates)
        self._batch_records.observe(records)
        self._batch_seconds.observe(seconds)
        self.rescored(progress, step)

    def rescored(self, progress: PartitionProgress, step: AppliedBatch) -> None:
        """Changes have been committed, of a micro-batch or of customers under a new model."""
        for counter, count in zip(self._causes, np.bincount(step.changes.cause, minlength=len(Cause)), strict=True):
            counter.inc(int(count))
        if standing := self.partitions.get(progress.partition):
            standing.trouble = None
            self._stand(standing, progress)

    def published(self, partition: int, position: int) -> None:
        """The broker has every change up to a position."""
        if standing := self.partitions.get(partition):
            standing.published_position = position

    def failed(self, partition: int, error: Exception) -> None:
        """A partition waits for a fault to pass."""
        self._failures.inc()
        if standing := self.partitions.get(partition):
            standing.trouble = type(error).__name__

    def fenced(self, partition: int) -> None:
        """Another worker has claimed a partition."""
        self._fencings.inc()
        if standing := self.partitions.get(partition):
            standing.claimed = False

    def released(self, partition: int) -> None:
        """A partition is no longer ours."""
        self.partitions.pop(partition, None)

    def _stand(self, standing: PartitionStatus, progress: PartitionProgress) -> None:
        standing.next_offset = progress.next_offset
        standing.event_time = progress.event_time
        standing.change_position = progress.change_position
        standing.published_position = max(standing.published_position, progress.published_position)
        standing.committed_at = time.monotonic()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)


class _Gauges(Collector):
    """Gauges of each partition, as of now."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Everything that may have changed without a commit."""
        partitions = sorted(self._metrics.partitions.items())
        yield GaugeMetricFamily("segue_assigned_partitions", "Partitions of this worker.", value=len(partitions))
        gauges = {
            name: GaugeMetricFamily(name, text, labels=["partition"])
            for name, text in (
                ("segue_partition_lag_records", "Records in the log whose effect has not been committed."),
                ("segue_event_time_lag_seconds", "Seconds from the partition's event time to now."),
                ("segue_commit_age_seconds", "Seconds since the last commit."),
                ("segue_fetch_age_seconds", "Seconds since the broker last said how far the partition reaches."),
                ("segue_unpublished_changes", "Changes that are not known to be in the change topic."),
            )
        }
        for partition, standing in partitions:
            for name, value in self._values(partition, standing).items():
                if value is not None:
                    gauges[name].add_metric([str(partition)], value)
        yield from gauges.values()

    def _values(self, partition: int, standing: PartitionStatus) -> dict[str, float | None]:
        end, age = self._metrics.reach(partition)
        ticked = standing.event_time != LONG_AGO
        return {
            "segue_partition_lag_records": None if end is None else max(end - standing.next_offset, 0),
            "segue_event_time_lag_seconds": time.time() - standing.event_time / 1e6 if ticked else None,
            "segue_commit_age_seconds": standing.commit_age,
            "segue_fetch_age_seconds": age,
            "segue_unpublished_changes": standing.change_position - standing.published_position,
        }
