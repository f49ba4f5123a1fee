"""The clock's health and metrics; docs/metrics.md explains every metric."""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from runtime.health import HealthResponse


class ClockHealth:
    """The clock's health pages. Another thread reads them than the one that updates them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._leads = Gauge("segue_clock_leads", "1 while this clock is the one that ticks.", registry=self.registry)
        self._ticks = Counter("segue_clock_ticks", "Ticks sent.", registry=self.registry)
        self._newest = Gauge(
            "segue_clock_tick_seconds", "The newest tick, in seconds since 1970.", registry=self.registry
        )
        self._failing = Gauge("segue_clock_failing", "1 while the clock can't tick.", registry=self.registry)
        ProcessCollector(registry=self.registry)
        self.trouble: str | None = None
        self.leads = False

    def ticked(self, tick: datetime) -> None:
        """Count a tick that all partitions have."""
        self._ticks.inc()
        self._newest.set(tick.timestamp())

    def looked(self, leads: bool) -> None:
        """Note whether this clock leads, and that it can tick."""
        self.leads, self.trouble = leads, None
        self._leads.set(leads)
        self._failing.set(0)

    def failed(self, reason: str) -> None:
        """Note why the clock can't tick."""
        self.leads, self.trouble = False, reason
        self._leads.set(0)
        self._failing.set(1)

    def alive(self) -> HealthResponse:
        """Return 200: the process answers."""
        return HealthResponse.json(200, alive=True)

    def ready(self) -> HealthResponse:
        """Return 200 if the clock ticks or waits for the one that does, else 503."""
        return HealthResponse.json(
            503 if self.trouble else 200, ready=self.trouble is None, leads=self.leads, trouble=self.trouble
        )

    def metrics(self) -> HealthResponse:
        """Return all metrics in Prometheus' format."""
        return HealthResponse.metrics(self.registry)
