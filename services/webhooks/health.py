"""What a webhook's process tells about itself over HTTP; every metric is explained in docs/metrics.md."""

from collections.abc import Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from runtime.health import Answer


class WebhookStatus(Protocol):
    """What a running webhook has done, and what keeps it from doing more. Read by another thread than its own."""

    delivered: int
    given_up: int

    @property
    def waiting(self) -> int:
        """Chosen changes that have been read and neither arrived nor been given up."""

    @property
    def receiver_is_down(self) -> bool:
        """Whether the receiver is taken to be down."""

    @property
    def in_trouble(self) -> bool:
        """Whether progress can't be saved."""


class WebhookHealth:
    """Whether a webhook gets on, and its metrics, worked out when a page is read."""

    def __init__(self, webhook: WebhookStatus) -> None:
        self._webhook = webhook
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def alive(self) -> Answer:
        """It answers, so it is."""
        return Answer.json(200, alive=True)

    def ready(self) -> Answer:
        """Whether the receiver takes changes, and Postgres what has been done."""
        reasons = []
        if self._webhook.receiver_is_down:
            reasons.append("the receiver seems to be down")
        if self._webhook.in_trouble:
            reasons.append("progress can't be saved")
        return Answer.json(503 if reasons else 200, ready=not reasons, reasons=reasons, waiting=self._webhook.waiting)

    def metrics(self) -> Answer:
        """All metrics as Prometheus reads them."""
        return Answer.metrics(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The metrics of this moment, for the registry."""
        webhook = self._webhook
        yield CounterMetricFamily("segue_webhook_delivered", "Changes that have arrived.", webhook.delivered)
        yield CounterMetricFamily("segue_webhook_given_up", "Changes that were given up.", webhook.given_up)
        for name, text, value in (
            ("waiting_changes", "Changes read that have neither arrived nor been given up.", webhook.waiting),
            ("receiver_down", "1 while the receiver is taken to be down.", webhook.receiver_is_down),
            ("unsaved", "1 while progress can't be saved.", webhook.in_trouble),
        ):
            yield GaugeMetricFamily(f"segue_webhook_{name}", text, value)
