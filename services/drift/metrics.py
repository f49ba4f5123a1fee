"""The drift observer's health and metrics; docs/metrics.md explains every metric."""

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from sqlalchemy import Engine

from data.postgres import drift
from runtime.health import HealthResponse

THRESHOLD = "Value beyond which a measure counts towards an alarm: above it, or below it if the reference is above it."


class DriftMetrics:
    """Metrics of the newest observed day in Postgres. Another thread reads them than the one that writes them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._value = self._gauge("segue_drift_value", "A measure on the newest observed day.", "measure", "name")
        self._threshold = self._gauge("segue_drift_threshold", THRESHOLD, "measure", "name")
        self._active = self._gauge("segue_drift_alarm", "1 where a measure is in alarm.", "measure", "name")
        self._raised = self._gauge("segue_drift_alarms", "Alarms raised for the active model.", "measure")
        self._window_end = Gauge(
            "segue_drift_window_end_seconds", "End of the newest observed day, in event time.", registry=self.registry
        )
        self._windows = Counter("segue_drift_windows", "Days observed.", registry=self.registry)
        ProcessCollector(registry=self.registry)

    def observed(self, engine: Engine, version: str | None, windows: int) -> None:
        """Update the metrics after ``windows`` newly observed days, or after ``version`` has become the champion."""
        self._windows.inc(windows)
        measurements = [] if version is None else drift.newest(engine, version)
        for gauge in (self._value, self._threshold, self._active, self._raised):
            gauge.clear()
        for row in measurements:
            self._value.labels(row.measure, row.name).set(row.value)
            self._active.labels(row.measure, row.name).set(row.alarm)
            if row.threshold is not None:
                self._threshold.labels(row.measure, row.name).set(row.threshold)
            self._window_end.set(row.window_end.timestamp())
        for alarm in [] if version is None else drift.alarms(engine, version):
            self._raised.labels(alarm.measure).inc()

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)


class DriftHealth:
    """The observer's health pages."""

    def __init__(self, metrics: DriftMetrics) -> None:
        self._metrics = metrics
        self.trouble: str | None = None

    def alive(self) -> HealthResponse:
        """Return 200: the process answers."""
        return HealthResponse.json(200, trouble=None)

    def ready(self) -> HealthResponse:
        """Return 200 if the last observation succeeded, else 503."""
        return HealthResponse.json(200 if self.trouble is None else 503, trouble=self.trouble)

    def metrics(self) -> HealthResponse:
        """Return all metrics in Prometheus' format."""
        return HealthResponse.metrics(self._metrics.registry)
