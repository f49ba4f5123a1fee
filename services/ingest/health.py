"""The health and the metrics of ingestion; docs/metrics.md explains every metric."""

from collections import Counter as Counts
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from data.datasets.one_order import LeftOut
from runtime.health import HealthResponse
from services.ingest.envelope import Gone

#: What can become of a record.
OUTCOMES = ("transaction", "dead letter", *get_args(LeftOut), *get_args(Gone))


class IngestHealth:
    """The health pages of ingestion. Another thread reads them than the one that updates them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._records = Counter(
            "segue_ingest_records",
            "Records that were read, by what became of them.",
            ["outcome"],
            registry=self.registry,
        )
        for outcome in OUTCOMES:
            self._records.labels(outcome)
        self._missed = Counter(
            "segue_ingest_missed_records",
            "Offsets that the topic had deleted before they were read.",
            registry=self.registry,
        )
        self._lag = Gauge("segue_ingest_lag_records", "Records that are still to be read.", registry=self.registry)
        self._newest = Gauge(
            "segue_ingest_record_seconds",
            "The newest record that was read, in seconds since 1970.",
            registry=self.registry,
        )
        self._failing = Gauge("segue_ingest_failing", "1 while nothing can be read or written.", registry=self.registry)
        ProcessCollector(registry=self.registry)
        self.counts: Counts[str] = Counts()
        self.trouble: str | None = "no partition yet"

    def handled(self, outcomes: Counts[str], newest_ms: int) -> None:
        """Count records whose transactions and dead letters Kafka has."""
        self.counts.update(outcomes)
        for outcome, count in outcomes.items():
            self._records.labels(outcome).inc(count)
        if newest_ms > 0:
            self._newest.set(newest_ms / 1_000)

    def missed(self, records: int) -> None:
        """Count offsets that were deleted before they were read."""
        self._missed.inc(records)

    def working(self, lag: int) -> None:
        """Note that Kafka answers, and how many records are still to be read."""
        self.trouble = None
        self._failing.set(0)
        self._lag.set(lag)

    def failed(self, reason: str) -> None:
        """Note why nothing can be read or written."""
        self.trouble = reason
        self._failing.set(1)

    def alive(self) -> HealthResponse:
        """Return 200: the process answers."""
        return HealthResponse.json(200, alive=True)

    def ready(self) -> HealthResponse:
        """Return 200 if Kafka answers, else 503."""
        return HealthResponse.json(503 if self.trouble else 200, ready=self.trouble is None, trouble=self.trouble)

    def metrics(self) -> HealthResponse:
        """Return all metrics in Prometheus' format."""
        return HealthResponse.metrics(self.registry)
