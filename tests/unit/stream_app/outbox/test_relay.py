"""The relay publishes every committed change, offered or not, in order and exactly once."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from data.contract.change_row import ChangeRow
from stream_app.core.apply import PartitionProgress
from stream_app.metrics import Metrics
from stream_app.outbox.relay import MostRows, Relay
from tests.support.committed_changes import CommittedChanges, change
from tests.support.in_memory_change_topic import ChangeTopic

CLAIM = PartitionProgress(0, "log", 0, 1, 0, "m", 0, 0, 0)
QUEUED, AT_ONCE = 100, 40


def relaying(
    work: Callable[[CommittedChanges, ChangeTopic, Relay], Awaitable[None]],
) -> tuple[CommittedChanges, ChangeTopic]:
    """Run a relay while ``work`` runs, and until everything is published."""
    outbox, topic = CommittedChanges(), ChangeTopic()
    asyncio.run(publish(outbox, topic, Metrics(), lambda running: work(outbox, topic, running)))
    return outbox, topic


async def publish(
    outbox: CommittedChanges,
    topic: ChangeTopic,
    metrics: Metrics,
    work: Callable[[Relay], Awaitable[None]],
) -> None:
    """Run a relay while ``work`` runs, and until everything is published; then store its position."""
    metrics.assigned(0)
    claim = await outbox.progress(CLAIM)
    running = Relay(
        outbox,  # type: ignore[arg-type]
        claim,
        {},
        topic.writer,  # type: ignore[arg-type]
        topic.changes_behind,
        metrics,
        most=MostRows(QUEUED, AT_ONCE),
        sleep=lambda _: asyncio.sleep(0),
    )
    await work(running)
    await asyncio.wait_for(running.wait_until_published(), 120)
    outbox.published_position = running.safe_position
    await running.close()


def everything(outbox: CommittedChanges) -> list[int]:
    return [row.position for row in outbox.rows]


def test_changes_that_found_the_queue_full_are_published_before_later_ones() -> None:
    async def work(outbox: CommittedChanges, topic: ChangeTopic, running: Relay) -> None:
        topic.may_write.clear()
        running.offer(outbox.commit(QUEUED + 1))
        running.offer(outbox.commit(10))
        topic.may_write.set()
        while running.published < AT_ONCE:
            await asyncio.sleep(0)
        running.offer(outbox.commit(10))

    outbox, topic = relaying(work)
    assert topic.positions == everything(outbox)


def test_changes_that_were_committed_but_never_offered_are_published() -> None:
    async def work(outbox: CommittedChanges, topic: ChangeTopic, running: Relay) -> None:
        topic.may_write.clear()
        running.offer(outbox.commit(10))
        await asyncio.sleep(0.05)
        running.offer(outbox.commit(10))
        never_offered = outbox.commit(10)
        running.publish_up_to(never_offered[-1].position)
        running.offer(outbox.commit(10))
        topic.may_write.set()

    outbox, topic = relaying(work)
    assert topic.positions == everything(outbox)


def test_publishing_continues_behind_a_change_with_an_unknown_cause() -> None:
    async def work(outbox: CommittedChanges, topic: ChangeTopic, running: Relay) -> None:
        running.offer([row._replace(cause="merger") for row in outbox.commit(10)])
        await running.wait_until_published()
        topic.fails = 1
        running.offer(outbox.commit(10))

    outbox, topic = relaying(work)
    assert topic.positions == everything(outbox)


def test_after_a_fault_publishing_continues_behind_the_last_published_change() -> None:
    async def work(outbox: CommittedChanges, topic: ChangeTopic, running: Relay) -> None:
        running.offer(outbox.commit(10))
        await running.wait_until_published()
        topic.fails = 2
        running.offer(outbox.commit(10))

    outbox, topic = relaying(work)
    assert topic.positions == everything(outbox)


def test_the_relay_survives_an_outage_of_any_length() -> None:
    async def work(outbox: CommittedChanges, topic: ChangeTopic, running: Relay) -> None:
        topic.failing_openings = 1_500
        topic.fails = 1
        running.offer(outbox.commit(10))

    outbox, topic = relaying(work)
    assert topic.positions == everything(outbox)
    assert topic.failing_openings == 0


def test_a_hanging_transaction_is_aborted_and_its_changes_are_published_again() -> None:
    async def work(outbox: CommittedChanges, topic: ChangeTopic, running: Relay) -> None:
        running.offer(outbox.commit(10))
        await running.wait_until_published()
        rows = outbox.commit(10)
        topic.hanging += rows
        topic.fails = 1
        running.offer(rows)

    outbox, topic = relaying(work)
    assert topic.positions == everything(outbox)
    assert not topic.hanging


def test_changes_that_counted_as_published_in_a_hanging_transaction_are_published_again() -> None:
    outbox, topic = CommittedChanges(), ChangeTopic()
    # Retention has deleted the first four changes; the others were all that the topic had.
    topic.hanging = outbox.commit(10)[4:]
    outbox.published_position = 10

    async def work(running: Relay) -> None:
        running.offer(outbox.commit(10))

    asyncio.run(publish(outbox, topic, Metrics(), work))
    assert topic.positions == list(range(5, 21))


def restored() -> tuple[CommittedChanges, ChangeTopic]:
    """Postgres as it was after three of seven changes; the first two had been stored as published."""
    outbox, topic = CommittedChanges(), ChangeTopic()
    outbox.add([change("a", 1), change("b", 1), change("a", 2)])
    outbox.published_position = 2
    topic.rows = [*outbox.rows, change("c", 1), change("b", 2), change("a", 3), change("c", 2)]
    return outbox, topic


# What Postgres commits again: customers in another order than in the topic, and two new changes in between.
AGAIN = [("a", 3), ("c", 1), ("c", 2), ("c", 3), ("b", 2), ("a", 4)]


def test_after_a_restoration_nothing_is_repeated_whatever_the_order_of_customers() -> None:
    outbox, topic = restored()
    published, metrics = list(topic.rows), Metrics()

    async def work(running: Relay) -> None:
        for customer, sequence in AGAIN:
            running.offer(outbox.add([change(customer, sequence)]))
            await running.wait_until_published()

    asyncio.run(publish(outbox, topic, metrics, work))
    assert keys(topic.rows) == [*keys(published), ("c", 3), ("a", 4)]
    assert outbox.published_position == len(outbox.rows)
    # Postgres has the first change of AGAIN when the relay opens.
    assert (outbox.changes_ahead[0], outbox.changes_ahead[-1]) == (3, 0)
    assert metrics.registry.get_sample_value("segue_published_changes_differ_total") == 0


@pytest.mark.parametrize("restart_after", range(len(AGAIN)))
def test_a_relay_that_starts_again_while_it_catches_up_repeats_nothing(restart_after: int) -> None:
    outbox, topic = restored()
    published = list(topic.rows)

    def commit(changes: list[tuple[str, int]]) -> Callable[[Relay], Awaitable[None]]:
        async def work(running: Relay) -> None:
            running.offer(outbox.add([change(*each) for each in changes]))

        return work

    for changes in (AGAIN[:restart_after], AGAIN[restart_after:], []):
        asyncio.run(publish(outbox, topic, Metrics(), commit(changes)))
    assert sorted(keys(topic.rows)) == sorted([*keys(published), ("c", 3), ("a", 4)])


def test_a_change_with_another_content_is_reported_and_not_published_again() -> None:
    outbox, topic = restored()
    published, metrics = list(topic.rows), Metrics()

    async def work(running: Relay) -> None:
        running.offer(outbox.add([change("c", 1)._replace(to_segment="y")]))

    asyncio.run(publish(outbox, topic, metrics, work))
    assert topic.rows == published
    assert metrics.registry.get_sample_value("segue_published_changes_differ_total") == 1
    assert metrics.registry.get_sample_value("segue_changes_ahead_of_postgres", {"partition": "0"}) == 3


def test_a_topic_that_has_lost_its_end_gets_the_lost_changes_again() -> None:
    outbox, topic, metrics = CommittedChanges(), ChangeTopic(), Metrics()
    topic.rows = outbox.commit(10)[:6]
    outbox.published_position = 10

    async def work(running: Relay) -> None:
        running.offer(outbox.commit(10))

    asyncio.run(publish(outbox, topic, metrics, work))
    assert topic.positions == everything(outbox)
    assert metrics.registry.get_sample_value("segue_published_changes_missing_total") == 1


def test_an_empty_topic_gets_only_what_was_not_published() -> None:
    outbox, topic = CommittedChanges(), ChangeTopic()
    outbox.commit(10)
    outbox.published_position = 10

    async def work(running: Relay) -> None:
        running.offer(outbox.commit(10))

    asyncio.run(publish(outbox, topic, Metrics(), work))
    assert topic.positions == list(range(11, 21))


def keys(rows: list[ChangeRow]) -> list[tuple[str, int]]:
    return [(row.customer_id, row.sequence) for row in rows]


def test_a_forgotten_customer_leaves_gaps_and_the_tombstone_comes_after_the_last_state() -> None:
    async def work(outbox: CommittedChanges, topic: ChangeTopic, running: Relay) -> None:
        topic.may_write.clear()
        running.offer(outbox.commit(10))
        running.offer(outbox.forget("c4"))
        running.offer(outbox.commit(5))
        topic.may_write.set()

    outbox, topic = relaying(work)
    published = [row for row in topic.rows if row.customer_id != "c4" or row.is_tombstone]
    assert [row.position for row in published] == everything(outbox)
    assert [row.is_tombstone for row in topic.rows if row.customer_id == "c4"][-1]
    assert outbox.published_position == everything(outbox)[-1]


def test_a_relay_continues_after_all_published_changes_were_deleted_with_their_customers() -> None:
    outbox, topic, metrics = CommittedChanges(), ChangeTopic(), Metrics()

    async def first(running: Relay) -> None:
        running.offer(outbox.commit(3))

    async def second(running: Relay) -> None:
        running.publish_up_to(outbox.rows[-1].position)

    asyncio.run(publish(outbox, topic, metrics, first))
    for customer in ("c1", "c2", "c3"):
        outbox.forget(customer)
    asyncio.run(publish(outbox, topic, metrics, second))
    assert [row.customer_id for row in topic.rows] == ["c1", "c2", "c3", "c1", "c2", "c3"]
    assert [row.is_tombstone for row in topic.rows] == [False] * 3 + [True] * 3
    assert metrics.registry.get_sample_value("segue_published_changes_missing_total") == 0
    assert metrics.partitions[0].ahead_of_postgres == 0
    assert outbox.published_position == 6


def test_changes_that_were_published_but_not_noted_and_are_deleted_since_are_not_waited_for() -> None:
    outbox, topic, metrics = CommittedChanges(), ChangeTopic(), Metrics()

    async def first(running: Relay) -> None:
        running.offer(outbox.commit(3))

    asyncio.run(publish(outbox, topic, metrics, first))
    outbox.published_position = 1
    outbox.forget("c2")

    async def second(running: Relay) -> None:
        running.publish_up_to(outbox.rows[-1].position)

    asyncio.run(publish(outbox, topic, metrics, second))
    assert [(row.customer_id, row.is_tombstone) for row in topic.rows[3:]] == [("c2", True)]
    assert metrics.partitions[0].ahead_of_postgres == 0
    assert outbox.published_position == outbox.rows[-1].position


def test_what_the_topic_has_of_a_forgotten_customer_does_not_hold_a_later_relay_back() -> None:
    outbox, topic, metrics = CommittedChanges(), ChangeTopic(), Metrics()

    async def first(running: Relay) -> None:
        running.offer(outbox.commit(2))
        await asyncio.wait_for(running.wait_until_published(), 120)
        running.offer(outbox.forget("c2"))

    async def second(running: Relay) -> None:
        running.offer(outbox.commit(1))

    asyncio.run(publish(outbox, topic, metrics, first))
    asyncio.run(publish(outbox, topic, metrics, second))
    assert [row.customer_id for row in topic.rows] == ["c1", "c2", "c2", "c4"]
    assert metrics.partitions[0].ahead_of_postgres == 0
    assert outbox.published_position == 4


def test_a_relay_passes_positions_of_which_nothing_is_left() -> None:
    async def work(outbox: CommittedChanges, topic: ChangeTopic, running: Relay) -> None:
        lost = outbox.commit(3)[-1].position
        outbox.rows.clear()
        running.publish_up_to(lost)

    outbox, topic = relaying(work)
    assert topic.rows == []
    assert outbox.published_position == 3
