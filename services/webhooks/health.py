"""A webhook's health and metrics over HTTP; docs/metrics.md explains every metric."""

from collections.abc import Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from runtime.health import HealthResponse


class WebhookStatus(Protocol):
    """The status of a running webhook. Another thread reads it than the one that updates it."""

    delivered: int
    abandoned: int

    @property
    def waiting(self) -> int:
        """Matching changes that have been read, and neither delivered nor abandoned."""

    @property
    def receiver_is_down(self) -> bool:
        """Whether the receiver is considered down."""

    @property
    def in_trouble(self) -> bool:
        """Whether progress can't be saved."""


class WebhookHealth:
    """A webhook's health pages, computed when they are read."""

    def __init__(self, webhook: WebhookStatus) -> None:
        self._webhook = webhook
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def alive(self) -> HealthResponse:
        """Return 200: the process answers."""
        return HealthResponse.json(200, alive=True)

    def ready(self) -> HealthResponse:
        """Return 200 if the receiver accepts changes and progress can be saved, else 503."""
        reasons = []
        if self._webhook.receiver_is_down:
            reasons.append("the receiver seems to be down")
        if self._webhook.in_trouble:
            reasons.append("progress can't be saved")
        return HealthResponse.json(
            503 if reasons else 200, ready=not reasons, reasons=reasons, waiting=self._webhook.waiting
        )

    def metrics(self) -> HealthResponse:
        """Return all metrics in Prometheus' format."""
        return HealthResponse.metrics(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the current metrics, for the registry."""
        webhook = self._webhook
        yield CounterMetricFamily("segue_webhook_delivered", "Changes that were delivered.", webhook.delivered)
        yield CounterMetricFamily("segue_webhook_given_up", "Changes that were abandoned.", webhook.abandoned)
        for name, text, value in (
            ("waiting_changes", "Changes read, and neither delivered nor abandoned.", webhook.waiting),
            ("receiver_down", "1 while the receiver is considered down.", webhook.receiver_is_down),
            ("unsaved", "1 while progress can't be saved.", webhook.in_trouble),
        ):
            yield GaugeMetricFamily(f"segue_webhook_{name}", text, value)
