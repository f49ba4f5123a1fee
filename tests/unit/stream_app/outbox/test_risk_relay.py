"""A relay of risk changes publishes as one of segment changes does: in order and exactly once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from data.contract.change_events import change_event
from data.postgres.erasures import Forgotten
from stream_app.core.apply import PartitionProgress
from stream_app.metrics import Metrics
from stream_app.outbox.changes_ahead import ChangesAhead
from stream_app.outbox.relay import Relay
from stream_app.outbox.row_kinds import RISK_CHANGES
from stream_app.storage.outbox import ChangeKey
from tests.support.committed_changes import CommittedRiskChanges, change, risk_change
from tests.support.in_memory_change_topic import ChangeTopic

CLAIM = PartitionProgress(0, "log", 0, 1, 0, "m", 0, 0, 0)


async def publish(
    outbox: CommittedRiskChanges,
    topic: ChangeTopic,
    metrics: Metrics,
    work: Callable[[Relay], Awaitable[None]],
) -> None:
    """Run a relay while ``work`` runs, and until everything is published; then store its position."""
    metrics.assigned(0)
    running = Relay(
        outbox,  # type: ignore[arg-type]
        await outbox.progress(CLAIM),
        {},
        topic.writer,  # type: ignore[arg-type]
        topic.changes_behind,
        metrics.risk,
        kind=RISK_CHANGES,
    )
    await work(running)
    await asyncio.wait_for(running.wait_until_published(), 120)
    outbox.published_position = running.safe_position
    await running.close()


def new() -> tuple[CommittedRiskChanges, ChangeTopic, Metrics]:
    return CommittedRiskChanges(), ChangeTopic(RISK_CHANGES), Metrics()


def keys(rows: list[Any]) -> list[tuple[str, int]]:
    return [(row.customer_id, row.sequence) for row in rows]


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_risk_changes_are_published_in_order_also_after_a_fault() -> None:
    outbox, topic, metrics = new()

    async def work(running: Relay) -> None:
        running.offer(outbox.commit(10))
        await running.wait_until_published()
        topic.fails = 2
        outbox.commit(10)
        running.offer(outbox.commit(10))

    asyncio.run(publish(outbox, topic, metrics, work))
    assert topic.positions == list(range(1, 31))


def test_after_a_restoration_nothing_is_repeated() -> None:
    outbox, topic, metrics = new()
    outbox.add([risk_change("a", 1), risk_change("b", 1), risk_change("a", 2)])
    outbox.published_position = 2
    topic.rows = [*outbox.rows, risk_change("c", 1), risk_change("b", 2), risk_change("a", 3)]
    published = list(topic.rows)

    async def work(running: Relay) -> None:
        for customer, sequence in [("a", 3), ("c", 1), ("c", 2), ("b", 2), ("a", 4)]:
            running.offer(outbox.add([risk_change(customer, sequence)]))
            await running.wait_until_published()

    asyncio.run(publish(outbox, topic, metrics, work))
    assert keys(topic.rows) == [*keys(published), ("c", 2), ("a", 4)]
    assert outbox.changes_ahead[-1] == 0
    assert outbox.published_position == len(outbox.rows)
    assert value(metrics, "segue_published_risk_changes_differ_total") == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"to_state": "due"},
        {"from_state": None},
        {"cause": "model"},
        {"effective_at": 77},
        {"frequency": 9},
        {"last_purchase_at": None},
        {"next_state": None},
        {"next_at": 8},
        {"rhythm_version": "r2"},
        {"transaction_id": "T1"},
    ],
)
def test_a_risk_change_with_another_content_is_reported_among_risk_changes_only(changed: dict[str, Any]) -> None:
    outbox, topic, metrics = new()
    topic.rows = [risk_change("a", 1)]

    async def work(running: Relay) -> None:
        running.offer(outbox.add([risk_change("a", 1)._replace(**changed)]))

    asyncio.run(publish(outbox, topic, metrics, work))
    assert keys(topic.rows) == [("a", 1)]
    assert value(metrics, "segue_published_risk_changes_differ_total") == 1
    assert value(metrics, "segue_published_changes_differ_total") == 0


def test_a_topic_that_has_lost_its_end_gets_the_lost_risk_changes_again() -> None:
    outbox, topic, metrics = new()
    topic.rows = outbox.commit(10)[:6]
    outbox.published_position = 10

    async def work(running: Relay) -> None:
        running.offer(outbox.commit(1))

    asyncio.run(publish(outbox, topic, metrics, work))
    assert topic.positions == list(range(1, 12))
    assert value(metrics, "segue_published_risk_changes_missing_total") == 1
    assert value(metrics, "segue_published_changes_missing_total") == 0


def test_queued_risk_changes_of_a_forgotten_customer_are_not_published() -> None:
    outbox, topic, metrics = new()

    async def work(running: Relay) -> None:
        topic.may_write.clear()
        running.offer(outbox.commit(1))
        # The first one is being written; the others wait in the queue.
        await asyncio.sleep(0.05)
        running.offer(outbox.commit(9))
        outbox.forget("c4")
        outbox.forget("c10")
        running.forget({"c4", "c10"})
        topic.may_write.set()

    asyncio.run(publish(outbox, topic, metrics, work))
    assert topic.positions == [1, 2, 3, 5, 6, 7, 8, 9]
    assert outbox.published_position == 10


def test_what_the_topic_holds_of_a_customer_who_is_forgotten_again_is_not_waited_for() -> None:
    # Postgres was set back to before the customer's erasure, which the log now repeats.
    outbox, topic, metrics = new()
    topic.rows = [risk_change("a", 1), risk_change("b", 1), risk_change("a", 2)]

    async def work(running: Relay) -> None:
        running.offer(outbox.add([risk_change("a", 1), risk_change("b", 1)]))
        await running.wait_until_published()
        assert running.safe_position == 0
        outbox.forget("a")
        running.forget({"a"})
        running.offer(outbox.add([risk_change("b", 2)]))

    asyncio.run(publish(outbox, topic, metrics, work))
    assert keys(topic.rows) == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert outbox.published_position == 3


def test_a_customer_who_is_forgotten_while_the_topic_is_read_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outbox, topic, metrics = new()
    topic.rows = [risk_change("a", 1), risk_change("a", 2), risk_change("b", 1)]
    reading, may_end = asyncio.Event(), asyncio.Event()

    async def slowly() -> Forgotten:
        # The answer is of the time before the erasure.
        reading.set()
        await may_end.wait()
        return Forgotten(b"key")

    monkeypatch.setattr(outbox, "forgotten", slowly)

    async def work(running: Relay) -> None:
        running.offer(outbox.add([risk_change("b", 1)]))
        await reading.wait()
        running.forget({"a"})
        may_end.set()

    asyncio.run(publish(outbox, topic, metrics, work))
    assert (keys(topic.rows), outbox.published_position) == ([("a", 1), ("a", 2), ("b", 1)], 1)


def test_segment_changes_are_foreign_among_risk_changes() -> None:
    ahead = ChangesAhead(ChangeKey("a", 1), RISK_CHANGES)
    for event in (b"", b"{}", change_event(change("a", 1), {})):
        ahead.add(event)
    assert (ahead.foreign, len(ahead), ahead.found) == (3, 0, False)
