"""The health and metrics of alerts; docs/metrics.md explains every metric."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from runtime.health import HealthResponse


class AlertHealth:
    """Another thread reads it than the one that updates it."""

    def __init__(self, rules: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self._value = Gauge("segue_alert_value", "The measure of a rule.", ["rule"], registry=self.registry)
        self._incident = Gauge("segue_alert_incident", "1 during an incident.", ["rule"], registry=self.registry)
        self._known = Gauge("segue_alert_known", "1 while a rule can be checked.", ["rule"], registry=self.registry)
        self._sent = Counter("segue_alert_messages", "Messages sent.", ["rule"], registry=self.registry)
        self._refused = Counter("segue_alert_refusals", "Messages refused.", ["rule"], registry=self.registry)
        for rule in rules:
            for metric in (self._incident, self._known, self._sent, self._refused):
                metric.labels(rule)
        ProcessCollector(registry=self.registry)
        self._refusals: dict[str, str] = {}

    def looked(self, rule: str, value: float | None, incident: bool) -> None:
        """Note what a look has found; ``value`` is None if the measure is unknown."""
        self._known.labels(rule).set(value is not None)
        self._incident.labels(rule).set(incident)
        if value is not None:
            self._value.labels(rule).set(value)

    def sent(self, rule: str, destination: str) -> None:
        """Note that a destination has accepted a message."""
        self._sent.labels(rule).inc()
        self._refusals.pop(destination, None)

    def refused(self, rule: str, destination: str, reason: str) -> None:
        """Note that a destination has not accepted a message."""
        self._refused.labels(rule).inc()
        self._refusals[destination] = reason

    def alive(self) -> HealthResponse:
        """Return 200: the process answers."""
        return HealthResponse.json(200, alive=True)

    def ready(self) -> HealthResponse:
        """Return 200 unless a destination has refused the last message that was for it."""
        return HealthResponse.json(
            503 if self._refusals else 200, ready=not self._refusals, refusals=dict(self._refusals)
        )

    def metrics(self) -> HealthResponse:
        """Return all metrics in Prometheus' format."""
        return HealthResponse.metrics(self.registry)
