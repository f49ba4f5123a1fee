"""The metrics of risk changes: how many there are, and how far their publishing is.

A partition without risk changes has no samples of the gauges.
"""

from collections import Counter as Counts
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily

from data.contract.risk_row import RiskRow
from stream_app.partition_status import PartitionStatus
from stream_app.stages import Stage


class RiskMetrics:
    """Receives what the units of work and the relay of risk changes do; ``worked`` receives the times of stages."""

    def __init__(
        self,
        registry: CollectorRegistry,
        partitions: dict[int, PartitionStatus],
        worked: Callable[[Stage, float], None],
    ) -> None:
        self._partitions = partitions
        self.worked = worked
        self._changes = Counter("segue_risk_changes", "Risk changes, by cause.", ["cause"], registry=registry)
        self._different = Counter(
            "segue_published_risk_changes_differ",
            "Risk changes that were published with another content than Postgres has.",
            registry=registry,
        )
        self._last_published_missing = Counter(
            "segue_published_risk_changes_missing",
            "Times that the topic of risk changes did not have the risk change that was published last.",
            registry=registry,
        )

    def committed(self, changes: Sequence[RiskRow]) -> None:
        """Risk changes have been committed."""
        for cause, count in Counts(row.cause for row in changes).items():
            self._changes.labels(cause).inc(count)

    def published(self, partition: int, position: int) -> None:
        """The topic has every risk change up to a position."""
        if status := self._partitions.get(partition):
            status.risk_published_position = position

    def ahead_of_postgres(self, partition: int, changes: int) -> None:
        """The topic has this many risk changes that Postgres does not have."""
        if status := self._partitions.get(partition):
            status.risk_ahead_of_postgres = changes

    def published_differently(self, changes: int) -> None:
        """This many risk changes have another content in the topic than in Postgres."""
        self._different.inc(changes)

    def last_published_missing(self) -> None:
        """The topic does not have the risk change that Postgres knows as the last published one."""
        self._last_published_missing.inc()


def risk_gauges(partitions: dict[int, PartitionStatus]) -> Iterator[GaugeMetricFamily]:
    """The gauges of partitions that have risk changes, here or in their topic."""
    unpublished = GaugeMetricFamily(
        "segue_unpublished_risk_changes",
        "Risk changes that are not known to be in their topic.",
        labels=["partition"],
    )
    ahead = GaugeMetricFamily(
        "segue_risk_changes_ahead_of_postgres",
        "Risk changes in their topic that Postgres does not have.",
        labels=["partition"],
    )
    for partition, status in sorted(partitions.items()):
        if status.risk_position or status.risk_ahead_of_postgres:
            unpublished.add_metric([str(partition)], status.risk_position - status.risk_published_position)
            ahead.add_metric([str(partition)], status.risk_ahead_of_postgres)
    yield unpublished
    yield ahead
