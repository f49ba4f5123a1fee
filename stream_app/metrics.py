"""The metrics of a worker: counters and histograms, updated once a micro-batch, and gauges, computed when read.

The counters belong to this process and start at 0 with it; the totals of the whole stream are in Postgres.
docs/metrics.md explains every metric.
"""

import time
from collections import Counter as Counts
from collections.abc import Callable, Iterator

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from runtime.errors import SegueError
from stream_app.core.apply import AppliedBatch, PartitionProgress
from stream_app.core.columns import LONG_AGO, Cause
from stream_app.partition_life import State, Transition
from stream_app.partition_status import Clock, LogEnd, LogFaultStatus, PartitionStatus
from stream_app.risk_metrics import RiskMetrics, risk_gauges
from stream_app.stages import Stage, stage_seconds

# The creation times of counters are redundant: they equal the start time of the process, which is a metric.
disable_created_metrics()  # type: ignore[no-untyped-call]

_RECORDS = (1, 10, 50, 100, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """All metrics of a worker, and the status of its partitions. The event loop writes; any thread may read.

    ``clock`` measures the ages of commits, claims and faults.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self.registry = CollectorRegistry()
        self.partitions: dict[int, PartitionStatus] = {}
        self.joined = False
        #: Asks the consumer for the end of a partition; the Faust app replaces this default.
        self.log_end: Callable[[int], LogEnd] = lambda _: LogEnd(None, None)
        #: Whether the worker is ready; :class:`stream_app.health.Health` replaces this default.
        self.ready: Callable[[], bool] = lambda: False
        self._records = self._counter("segue_records", "Log records whose effect has been committed.")
        self._transactions = self._counter("segue_transactions", "Transactions applied.")
        self._changes = self._counter("segue_segment_changes", "Segment changes, by cause.", "cause")
        self._dead_letters = self._counter("segue_dead_letters", "Records that could not be applied.")
        self._future = self._counter(
            "segue_future_records", "Dead letters because their event time is too far after their Kafka timestamp."
        )
        self._refused_control = self._counter(
            "segue_refused_control_records",
            "Dead letters because their producer may not write ticks, models or erasures.",
        )
        self._forgotten = self._counter("segue_forgotten_records", "Records of forgotten customers that were dropped.")
        self._revisions = self._counter(
            "segue_revised_transactions", "Transactions that a later revision has replaced."
        )
        self._late = self._counter("segue_late_transactions", "Transactions that were late.")
        self._duplicates = self._counter("segue_duplicate_transactions", "Transactions that were known already.")
        self._failures = self._counter("segue_failures", "Faults after which a partition backed off and tried again.")
        self._log_faults = self._counter("segue_log_faults", "Faults of the log that were noticed, by kind.", "kind")
        for kind in ("truncated", "recreated", "deleted"):
            self._log_faults.labels(kind)
        self._fencings = self._counter("segue_fencings", "Times that another worker had claimed a partition.")
        self._different = self._counter(
            "segue_published_changes_differ", "Changes that were published with another content than Postgres has."
        )
        self._last_published_missing = self._counter(
            "segue_published_changes_missing",
            "Times that the change topic did not have the change that was published last.",
        )
        self._batch_records = Histogram(
            "segue_batch_records", "Records in a micro-batch.", buckets=_RECORDS, registry=self.registry
        )
        self._batch_seconds = Histogram(
            "segue_batch_duration_seconds",
            "Seconds from the start of a micro-batch to its commit.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._stage_seconds = stage_seconds(self.registry)
        #: The metrics of risk changes.
        self.risk = RiskMetrics(self.registry, self.partitions, self.worked)
        self._causes = [self._changes.labels(cause.word) for cause in Cause]
        ProcessCollector(registry=self.registry)
        self.registry.register(_Gauges(self))

    def assigned(self, partition: int) -> None:
        """A partition has been assigned to this worker, and is not claimed yet."""
        self.partitions[partition] = self._new()

    def moved(self, partition: int, transition: Transition) -> None:
        """The life of a partition has gone on to another state."""
        # A cancelled partition task may fail after its end, when the partition has another life already.
        if transition.before is not State.ENDED and (status := self.partitions.get(partition)):
            status.enter(transition.after)

    def claimed(self, progress: PartitionProgress) -> None:
        """A partition has been claimed, or has resumed after a fault."""
        status = self.partitions.setdefault(progress.partition, self._new())
        if progress.change_position < status.published_position:
            # Postgres was set back.
            status.published_position = progress.published_position
        if progress.risk_position < status.risk_published_position:
            status.risk_published_position = progress.risk_published_position
        self._update(status, progress)

    def inherited(self, partition: int, commit_age: float, failures: int, failure: str | None) -> None:
        """A claim has found how long ago the last commit was, and the failures in a row since then."""
        if status := self.partitions.get(partition):
            status.committed_at = self._clock() - commit_age
            status.failures = failures
            status.fault = None if failure is None else failure.partition(":")[0]

    def committed(self, progress: PartitionProgress, records: int, result: AppliedBatch, seconds: float) -> None:
        """A micro-batch has been committed."""
        self._records.inc(records)
        self._transactions.inc(len(result.applied) - len(result.revised))
        self._revisions.inc(len(result.revised))
        self._dead_letters.inc(len(result.dead_letters))
        kinds = Counts(letter.kind for letter in result.dead_letters)
        self._future.inc(kinds["future"])
        self._refused_control.inc(kinds["control"])
        self._late.inc(result.late)
        self._forgotten.inc(result.forgotten)
        self._duplicates.inc(result.duplicates)
        self._batch_records.observe(records)
        self._batch_seconds.observe(seconds)
        self.committed_without_records(progress, result)

    def committed_without_records(self, progress: PartitionProgress, result: AppliedBatch) -> None:
        """A unit of work has been committed: a micro-batch, a chunk of rescored customers, or a slice of due decay."""
        for counter, count in zip(self._causes, np.bincount(result.changes.cause, minlength=len(Cause)), strict=True):
            counter.inc(int(count))
        if status := self.partitions.get(progress.partition):
            self._recover(status)
            status.committed_at = self._clock()
            self._update(status, progress)

    def worked(self, stage: Stage, seconds: float) -> None:
        """A stage of the pipeline has done its work once; any thread may call this."""
        self._stage_seconds.labels(stage).observe(seconds)

    def caught_up(self, partition: int) -> bool:
        """Whether the log is known to have no record beyond the partition's next offset."""
        status, end = self.partitions.get(partition), self.log_end(partition).end
        return status is not None and end is not None and end <= status.next_offset

    def recovered(self, partition: int) -> None:
        """A partition has caught up with its log after failures."""
        if status := self.partitions.get(partition):
            self._recover(status)

    def published(self, partition: int, position: int) -> None:
        """The change topic has every change up to a position."""
        if status := self.partitions.get(partition):
            status.published_position = position

    def ahead_of_postgres(self, partition: int, changes: int) -> None:
        """The change topic has this many changes that Postgres does not have."""
        if status := self.partitions.get(partition):
            status.ahead_of_postgres = changes

    def published_differently(self, changes: int) -> None:
        """This many changes have another content in the change topic than in Postgres."""
        self._different.inc(changes)

    def last_published_missing(self) -> None:
        """The change topic does not have the change that Postgres knows as the last published one."""
        self._last_published_missing.inc()

    def failed(self, partition: int, error: Exception, in_a_row: int) -> None:
        """A partition backs off after a fault."""
        self._failures.inc()
        if status := self.partitions.get(partition):
            status.failures = in_a_row
            # The messages of Segue's own errors are meant for people.
            status.fault = str(error) if isinstance(error, SegueError) else type(error).__name__

    def log_fault(self, partition: int, kind: str, text: str, caught_up_offset: int) -> None:
        """A fault of the log was noticed; the partition has recovered when it gets to ``caught_up_offset``."""
        self._log_faults.labels(kind).inc()
        if status := self.partitions.get(partition):
            status.log_fault = LogFaultStatus(text, caught_up_offset, self._clock())

    def fenced(self) -> None:
        """Another worker has claimed a partition."""
        self._fencings.inc()

    def released(self, partition: int) -> None:
        """A partition is no longer assigned to this worker."""
        self.partitions.pop(partition, None)

    def _update(self, status: PartitionStatus, progress: PartitionProgress) -> None:
        status.next_offset = progress.next_offset
        status.watermark = progress.watermark
        status.change_position = progress.change_position
        status.published_position = max(status.published_position, progress.published_position)
        status.risk_position = progress.risk_position
        status.risk_published_position = max(status.risk_published_position, progress.risk_published_position)

    def _new(self) -> PartitionStatus:
        return PartitionStatus(self._clock, self._clock())

    def _recover(self, status: PartitionStatus) -> None:
        status.failures, status.fault = 0, None

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)


class _Gauges(Collector):
    """Gauges of each partition, computed when they are read."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """The current values of all gauges."""
        partitions = sorted(self._metrics.partitions.items())
        yield GaugeMetricFamily("segue_assigned_partitions", "Partitions of this worker.", value=len(partitions))
        yield GaugeMetricFamily("segue_ready", "1 if the worker makes progress.", value=int(self._metrics.ready()))
        gauges = {
            name: GaugeMetricFamily(name, text, labels=["partition"])
            for name, text in (
                ("segue_partition_lag_records", "Records in the log whose effect has not been committed."),
                ("segue_event_time_lag_seconds", "Seconds from the partition's event time to now."),
                ("segue_commit_age_seconds", "Seconds since the last commit, by whichever worker."),
                ("segue_failures_in_a_row", "Failures since the last commit."),
                ("segue_fetch_age_seconds", "Seconds since the broker last reported the partition's end offset."),
                ("segue_unpublished_changes", "Changes that are not known to be in the change topic."),
                ("segue_changes_ahead_of_postgres", "Changes in the change topic that Postgres does not have."),
            )
        }
        for partition, status in partitions:
            for name, value in self._values(partition, status).items():
                if value is not None:
                    gauges[name].add_metric([str(partition)], value)
        yield from gauges.values()
        yield from risk_gauges(self._metrics.partitions)

    def _values(self, partition: int, status: PartitionStatus) -> dict[str, float | None]:
        end, age = self._metrics.log_end(partition)
        has_watermark = status.watermark != LONG_AGO
        return {
            "segue_partition_lag_records": None if end is None else max(end - status.next_offset, 0),
            "segue_event_time_lag_seconds": time.time() - status.watermark / 1e6 if has_watermark else None,
            "segue_commit_age_seconds": status.commit_age,
            "segue_failures_in_a_row": status.failures,
            "segue_fetch_age_seconds": age,
            "segue_unpublished_changes": status.change_position - status.published_position,
            "segue_changes_ahead_of_postgres": status.ahead_of_postgres,
        }
