"""The relay publishes everything that was committed, whether it was handed over or not, in order and once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from data.contract.change_row import ChangeRow
from runtime import backoff
from stream_app.core.apply import PartitionProgress
from stream_app.outbox import relay
from stream_app.outbox.relay import Relay
from tests.support.in_memory_change_topic import ChangeTopic

CLAIM = PartitionProgress(0, "log", 0, 1, 0, "m", 0, 0, 0)
QUEUED, AT_ONCE = 100, 40


class Outbox:
    """What was committed: looks like the store."""

    def __init__(self) -> None:
        self.rows: list[ChangeRow] = []

    def __call__(self, database_url: str, partition: int) -> "Outbox":
        return self

    def commit(self, number: int) -> list[ChangeRow]:
        """Some more changes."""
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

    async def position(self, last: Any) -> int | None:
        return next((row.position for row in self.rows if row.customer_id == last.customer_id), None)

    async def unpublished_changes(self, after: int, limit: int) -> list[ChangeRow]:
        return self.rows[after : after + limit]


def relaying(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[Outbox, ChangeTopic, Relay], Awaitable[None]]
) -> tuple[Outbox, ChangeTopic]:
    """Let a relay run while ``work`` does, and until everything is delivered."""
    outbox, topic = Outbox(), ChangeTopic()
    monkeypatch.setattr(relay, "PartitionStore", outbox)
    monkeypatch.setattr(relay, "_QUEUED_ROWS", QUEUED)
    monkeypatch.setattr(relay, "_ROWS", AT_ONCE)

    async def run() -> None:
        running = Relay("", CLAIM, {}, topic.writer, topic.last_event, lambda *_: None)  # type: ignore[arg-type]
        await work(outbox, topic, running)
        await asyncio.wait_for(running.delivered(), 120)
        await running.close()

    asyncio.run(run())
    return outbox, topic


def everything(outbox: Outbox) -> list[int]:
    return [row.position for row in outbox.rows]


def test_changes_that_found_no_room_are_published_before_those_that_did_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(outbox: Outbox, topic: ChangeTopic, running: Relay) -> None:
        topic.may_write.clear()
        running.offer(outbox.commit(QUEUED + 1))
        running.offer(outbox.commit(10))
        topic.may_write.set()
        while running.published < AT_ONCE:
            await asyncio.sleep(0)
        running.offer(outbox.commit(10))

    outbox, topic = relaying(monkeypatch, work)
    assert topic.positions == everything(outbox)


def test_changes_whose_commit_was_in_doubt_are_published_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(outbox: Outbox, topic: ChangeTopic, running: Relay) -> None:
        topic.may_write.clear()
        running.offer(outbox.commit(10))
        await asyncio.sleep(0.05)
        running.offer(outbox.commit(10))
        never_offered = outbox.commit(10)
        running.reach(never_offered[-1].position)
        running.offer(outbox.commit(10))
        topic.may_write.set()

    outbox, topic = relaying(monkeypatch, work)
    assert topic.positions == everything(outbox)


def test_what_a_newer_worker_published_with_a_cause_of_its_own_is_gone_on_from(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(outbox: Outbox, topic: ChangeTopic, running: Relay) -> None:
        running.offer([row._replace(cause="merger") for row in outbox.commit(10)])
        await running.delivered()
        topic.fails = 1
        running.offer(outbox.commit(10))

    outbox, topic = relaying(monkeypatch, work)
    assert topic.positions == everything(outbox)


def test_after_a_fault_publishing_goes_on_behind_what_is_in_the_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(outbox: Outbox, topic: ChangeTopic, running: Relay) -> None:
        running.offer(outbox.commit(10))
        await running.delivered()
        topic.fails = 2
        running.offer(outbox.commit(10))

    outbox, topic = relaying(monkeypatch, work)
    assert topic.positions == everything(outbox)


def test_an_outage_of_any_length_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "_LONGEST_SECONDS", 0.0)

    async def work(outbox: Outbox, topic: ChangeTopic, running: Relay) -> None:
        topic.takes_no_writer = 1_500
        topic.fails = 1
        running.offer(outbox.commit(10))

    outbox, topic = relaying(monkeypatch, work)
    assert topic.positions == everything(outbox)
    assert topic.takes_no_writer == 0


def test_a_transaction_that_has_no_end_is_ended_and_published_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(outbox: Outbox, topic: ChangeTopic, running: Relay) -> None:
        running.offer(outbox.commit(10))
        await running.delivered()
        rows = outbox.commit(10)
        topic.hanging += rows
        topic.fails = 1
        running.offer(rows)

    outbox, topic = relaying(monkeypatch, work)
    assert topic.positions == everything(outbox)
    assert not topic.hanging
