"""The relay publishes every committed change, offered or not, in order and exactly once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from data.contract.change_row import ChangeRow
from runtime import backoff
from stream_app.core.apply import PartitionProgress
from stream_app.outbox import relay
from stream_app.outbox.relay import Relay
from tests.support.change_topic import ChangeTopic

CLAIM = PartitionProgress(0, "log", 0, 1, 0, "m", 0, 0, 0)
QUEUED, AT_ONCE = 100, 40


class CommittedChanges:
    """The outbox in memory; it has the methods of :class:`stream_app.storage.outbox.Outbox` that a relay uses."""

    def __init__(self) -> None:
        self.rows: list[ChangeRow] = []

    def __call__(self, database_url: str, partition: int) -> "CommittedChanges":
        return self

    def commit(self, number: int) -> list[ChangeRow]:
        """Commit some more changes, and return them."""
        first = len(self.rows) + 1
        new = [
            ChangeRow(at, f"c{at}", 1, None, "x", "decay", 0, 1, 1, 1, "m", None) for at in range(first, first + number)
        ]
        self.rows += new
        return new

    async def open(self) -> None: ...
    async def close(self) -> None: ...

    async def progress(self, claim: PartitionProgress) -> PartitionProgress:
        return claim

    async def position_of(self, last: Any) -> int | None:
        return next((row.position for row in self.rows if row.customer_id == last.customer_id), None)

    async def unpublished_changes(self, after: int, limit: int) -> list[ChangeRow]:
        return self.rows[after : after + limit]


def relaying(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[CommittedChanges, ChangeTopic, Relay], Awaitable[None]]
) -> tuple[CommittedChanges, ChangeTopic]:
    """Run a relay while ``work`` runs, and until everything is published."""
    outbox, topic = CommittedChanges(), ChangeTopic()
    monkeypatch.setattr(relay, "Outbox", outbox)
    monkeypatch.setattr(relay, "_QUEUED_ROWS", QUEUED)
    monkeypatch.setattr(relay, "_ROWS", AT_ONCE)

    async def run() -> None:
        running = Relay("", CLAIM, {}, topic.writer, topic.last_event, lambda *_: None)  # type: ignore[arg-type]
        await work(outbox, topic, running)
        await asyncio.wait_for(running.wait_until_published(), 10)
        await running.close()

    asyncio.run(run())
    return outbox, topic


def everything(outbox: CommittedChanges) -> list[int]:
    return [row.position for row in outbox.rows]


def test_changes_that_found_the_queue_full_are_published_before_later_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(outbox: CommittedChanges, topic: ChangeTopic, running: Relay) -> None:
        topic.may_write.clear()
        running.offer(outbox.commit(QUEUED + 1))
        running.offer(outbox.commit(10))
        topic.may_write.set()
        while running.published < AT_ONCE:
            await asyncio.sleep(0)
        running.offer(outbox.commit(10))

    outbox, topic = relaying(monkeypatch, work)
    assert topic.positions == everything(outbox)


def test_changes_that_were_committed_but_never_offered_are_published(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(outbox: CommittedChanges, topic: ChangeTopic, running: Relay) -> None:
        topic.may_write.clear()
        running.offer(outbox.commit(10))
        await asyncio.sleep(0.05)
        running.offer(outbox.commit(10))
        never_offered = outbox.commit(10)
        running.publish_up_to(never_offered[-1].position)
        running.offer(outbox.commit(10))
        topic.may_write.set()

    outbox, topic = relaying(monkeypatch, work)
    assert topic.positions == everything(outbox)


def test_publishing_continues_behind_a_change_with_an_unknown_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(outbox: CommittedChanges, topic: ChangeTopic, running: Relay) -> None:
        running.offer([row._replace(cause="merger") for row in outbox.commit(10)])
        await running.wait_until_published()
        topic.fails = 1
        running.offer(outbox.commit(10))

    outbox, topic = relaying(monkeypatch, work)
    assert topic.positions == everything(outbox)


def test_after_a_fault_publishing_continues_behind_the_last_published_change(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(outbox: CommittedChanges, topic: ChangeTopic, running: Relay) -> None:
        running.offer(outbox.commit(10))
        await running.wait_until_published()
        topic.fails = 2
        running.offer(outbox.commit(10))

    outbox, topic = relaying(monkeypatch, work)
    assert topic.positions == everything(outbox)


def test_the_relay_survives_an_outage_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "_LONGEST_SECONDS", 0.0)

    async def work(outbox: CommittedChanges, topic: ChangeTopic, running: Relay) -> None:
        topic.takes_no_writer = 1_500
        topic.fails = 1
        running.offer(outbox.commit(10))

    outbox, topic = relaying(monkeypatch, work)
    assert topic.positions == everything(outbox)
    assert topic.takes_no_writer == 0


def test_a_hanging_transaction_is_aborted_and_its_changes_are_published_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(outbox: CommittedChanges, topic: ChangeTopic, running: Relay) -> None:
        running.offer(outbox.commit(10))
        await running.wait_until_published()
        rows = outbox.commit(10)
        topic.hanging += rows
        topic.fails = 1
        running.offer(rows)

    outbox, topic = relaying(monkeypatch, work)
    assert topic.positions == everything(outbox)
    assert not topic.hanging
