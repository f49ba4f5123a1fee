"""Retries abandoned changes: one attempt each, in order for each customer."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Engine

from data.postgres import webhooks
from data.postgres.webhooks import AbandonedChange
from services.webhooks.dispatch import Dispatcher, Send
from services.webhooks.schedule import Delivery, Finished, Policy

PAGE = 200


async def retry(
    postgres: Engine, webhook: str, policy: Policy, send: Send, chosen: Sequence[Delivery] | None
) -> tuple[int, int]:
    """Send the chosen changes, or all abandoned ones; return how many were delivered and how many failed."""
    if chosen is not None:
        return await _page(postgres, webhook, policy, send, chosen)
    delivered = failed = 0
    moment, after = webhooks.now(postgres), ("", 0)
    while page := webhooks.abandoned_before(postgres, webhook, moment, after, PAGE):
        after = page[-1][:2]
        done = await _page(postgres, webhook, policy, send, [Delivery(0, 0, *letter) for letter in page])
        delivered, failed = delivered + done[0], failed + done[1]
    return delivered, failed


async def _page(
    postgres: Engine, webhook: str, policy: Policy, send: Send, page: Sequence[Delivery]
) -> tuple[int, int]:
    arrived: list[tuple[str, int]] = []
    abandoned: list[AbandonedChange] = []

    def record(delivery: Delivery, finished: Finished) -> None:
        who = delivery.customer_id, delivery.sequence
        if finished.abandoned is None:
            arrived.append(who)
        else:
            abandoned.append(AbandonedChange(*who, delivery.event, finished.abandoned, finished.attempts))

    # A person waits for the result, so an outage is not waited out, except as long as Retry-After asks.
    once = replace(policy, attempts=1, first_wait=0.0, longest_wait=0.0, waits_out_outages=False)
    dispatcher = Dispatcher(once, send, record)
    for delivery in sorted(page, key=lambda delivery: (delivery.customer_id, delivery.sequence)):
        dispatcher.add(delivery)
    try:
        await dispatcher.run_until_finished()
    finally:
        webhooks.mark_delivered(postgres, webhook, arrived)
        webhooks.set_aside(postgres, webhook, abandoned)
    return len(arrived), len(abandoned)
