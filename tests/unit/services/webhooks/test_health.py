"""A webhook is ready while changes can be delivered and saved, and reports why not otherwise."""

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.webhooks.health import WebhookHealth
from tests.support.builders import WebhookState


@pytest.mark.parametrize(
    ("webhook", "reasons"),
    [
        (WebhookState(waiting=3), []),
        (WebhookState(receiver_is_down=True), ["the receiver seems to be down"]),
        (
            WebhookState(receiver_is_down=True, in_trouble=True),
            ["the receiver seems to be down", "progress can't be saved"],
        ),
    ],
)
def test_it_is_ready_unless_changes_can_not_be_delivered_or_saved(webhook: WebhookState, reasons: list[str]) -> None:
    health = WebhookHealth(webhook)
    answer = health.ready()
    assert answer.status == (503 if reasons else 200)
    content = msgspec.json.decode(answer.body)
    assert content == {"ready": not reasons, "reasons": reasons, "waiting": webhook.waiting}
    assert health.alive().status == 200


def test_the_metrics_are_current_when_they_are_read() -> None:
    webhook = WebhookState()
    health = WebhookHealth(webhook)
    assert _values(health)["segue_webhook_delivered_total"] == 0
    webhook.delivered, webhook.abandoned, webhook.waiting, webhook.receiver_is_down = 7, 2, 5, True
    values = _values(health)
    assert values["segue_webhook_delivered_total"] == 7
    assert values["segue_webhook_given_up_total"] == 2
    assert values["segue_webhook_waiting_changes"] == 5
    assert values["segue_webhook_receiver_down"] == 1
    assert values["segue_webhook_unsaved"] == 0


def _values(health: WebhookHealth) -> dict[str, float]:
    page = health.metrics().body.decode()
    return {sample.name: sample.value for family in text_string_to_metric_families(page) for sample in family.samples}
