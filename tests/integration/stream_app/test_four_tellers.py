"""The operator trusts that `/readyz`, the metrics, `segue status` and the Operations page tell the same story.

Each test is a row of docs/reliability.md. A late EndTxn has no story: nothing is wrong that anyone could see.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import msgspec
import psycopg
import pytest

from data.contract.control import signed
from data.contract.wire import Tick, Transaction
from segue.local.embedded_broker import EmbeddedBroker
from tests.support.builders import START, tick, transaction
from tests.support.changing_log import Log
from tests.support.in_memory_change_topic import ChangeTopic
from tests.support.in_memory_worker import Message, Record, logs
from tests.support.partition_tasks import TOPICS, committed, wait_for
from tests.support.poisoned_partition import FAULTS, execute
from tests.support.tellers import Story, Watched

WRITTEN = 1_777_777_777_000
ORDINARY: list[Message] = [transaction(number, number, customer=f"c{number}") for number in range(6)]
EVIL = transaction(99, 3, customer="evil")
KEY = b"the key of the clock"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker."""
    running = EmbeddedBroker.start(tmp_path_factory.mktemp("broker") / "log")
    yield running.bootstrap_servers
    running.stop()


def records(*messages: Message) -> list[Record]:
    return [replace(record, timestamp=WRITTEN + record.offset) for record in logs(messages, 1)[0]]


def a_log(*messages: Message) -> Log:
    return Log(records(*messages))


def set_aside(story: Story) -> set[float]:
    """How many dead letters there are, by all who count them."""
    [shown] = re.findall(r'data-total="dead letters">(\d+)<', story.page)
    return {story.metrics["segue_dead_letters_total"], story.status["dead_letters"], float(shown)}


async def well_with(watched: Watched, dead_letters: int) -> Story:
    """Ask until all are well and count this many dead letters: the metrics count them after the commit."""
    return await watched.wait_for(lambda story: story.well and set_aside(story) == {dead_letters})


def test_a_partition_that_has_applied_everything_is_well(database: str, broker: str) -> None:
    async def work(watched: Watched) -> None:
        story = await watched.wait_for(lambda story: committed(database)[0] == 7 and story.well)
        assert set_aside(story) == {0}

    Watched(database, broker, a_log(*ORDINARY, tick(30))).run(work)


def test_a_stuck_partition_is_ill_until_it_commits(database: str, broker: str) -> None:
    execute(database, "ALTER TABLE transactions RENAME TO elsewhere")

    async def work(watched: Watched) -> None:
        story = await watched.wait_until_all_say("UndefinedTable")
        assert story.metrics["segue_failures_in_a_row"] >= 2
        execute(database, "ALTER TABLE elsewhere RENAME TO transactions")
        await watched.wait_until_all_are(well=True)
        assert committed(database)[0] == 7

    Watched(database, broker, a_log(*ORDINARY, tick(30))).run(work)


def test_a_record_that_postgres_refuses_is_one_dead_letter_of_a_partition_that_is_well(
    database: str, broker: str
) -> None:
    execute(database, FAULTS["a constraint"])

    async def work(watched: Watched) -> None:
        await wait_for(lambda: committed(database)[0] == 8)
        story = await well_with(watched, dead_letters=1)
        assert "could not be applied: CheckViolation" in story.page

    Watched(database, broker, a_log(*ORDINARY, EVIL, tick(30))).run(work)


def test_a_skipped_record_is_one_dead_letter_of_a_partition_that_is_well(database: str, broker: str) -> None:
    execute(database, "ALTER TABLE transactions RENAME TO elsewhere")

    async def work(watched: Watched) -> None:
        await watched.wait_until_all_are(well=False)
        assert watched.segue("skip", "0", "0", "--reason", "ticket 7").exit_code == 0
        execute(database, "ALTER TABLE elsewhere RENAME TO transactions")
        await wait_for(lambda: committed(database)[0] == 8)
        story = await well_with(watched, dead_letters=1)
        assert "skipped by an operator: ticket 7" in story.page

    Watched(database, broker, a_log(EVIL, *ORDINARY, tick(30))).run(work)


def test_times_from_the_future_are_dead_letters_and_age_nobody(database: str, broker: str) -> None:
    late = Tick(START.replace(year=2109))
    purchase = transaction(7, 0, customer="c7")
    mistyped: Transaction = msgspec.structs.replace(purchase, occurred_at=START.replace(year=2109))

    async def work(watched: Watched) -> None:
        await wait_for(lambda: committed(database)[0] == 9)
        story = await well_with(watched, dead_letters=2)
        assert story.metrics["segue_future_records_total"] == 2
        assert story.metrics["segue_event_time_lag_seconds"] > 0
        assert story.status["partitions"][0]["event_time"].startswith("2010-01-31")

    Watched(database, broker, a_log(*ORDINARY, tick(30), late, mistyped)).run(work)


def test_unsigned_control_records_are_dead_letters_of_a_partition_that_is_well(database: str, broker: str) -> None:
    log = a_log(*ORDINARY, tick(30), tick(31))
    own, foreign = log.records[-2:]
    assert own.value is not None
    own.headers = signed(KEY, TOPICS.transactions, 0, 1, own.value)

    async def work(watched: Watched) -> None:
        await wait_for(lambda: committed(database)[0] == foreign.offset + 1)
        story = await well_with(watched, dead_letters=1)
        assert story.metrics["segue_refused_control_records_total"] == 1

    Watched(database, broker, log, (KEY,)).run(work)


def truncate(log: Log) -> None:
    log.records = log.records[:3]


def recreate(log: Log) -> None:
    log.log_id, log.records = "another", records(*ORDINARY[:2])


def delete(log: Log) -> None:
    log.first, log.records = 50, [replace(log.records[-1], offset=50)]


@pytest.mark.parametrize(("change", "kind"), [(truncate, "truncated"), (recreate, "recreated"), (delete, "deleted")])
def test_a_fault_of_the_log_is_reported_until_it_is_resolved(
    database: str, broker: str, change: Callable[[Log], None], kind: str
) -> None:
    log = a_log(*ORDINARY, tick(30))

    async def work(watched: Watched) -> None:
        await watched.wait_until_all_are(well=True)
        change(log)
        watched.task.request_log_check()
        story = await watched.wait_for(lambda story: story.ill and "1 log fault" in story.page)
        assert [fault["kind"] for fault in story.status["log_faults"]] == [kind]
        labels = {"kind": kind}
        assert watched.metrics.registry.get_sample_value("segue_log_faults_total", labels) == 1
        # The worker reports a fault for half a minute: that is over.
        status = watched.metrics.partitions[0]
        assert status.log_fault is not None
        status.log_fault = status.log_fault._replace(noticed_at=0.0)
        story = await watched.wait_for(lambda story: story.ready["ready"])
        # What was lost is for people to see until they have seen it; the partition goes on.
        assert story.verdicts == {"readyz": True, "metrics": True, "status": False, "page": False}
        assert watched.segue("faults", "resolve", "--all").exit_code == 0
        assert (await watched.story()).well

    Watched(database, broker, log).run(work)


def test_a_topic_that_is_gone_is_reported_until_it_is_there(database: str, broker: str) -> None:
    log = a_log(*ORDINARY, tick(30))

    async def work(watched: Watched) -> None:
        await watched.wait_until_all_are(well=True)
        log.exists = False
        watched.task.request_log_check()
        await watched.wait_until_all_say("there is no such topic")
        log.exists = True
        await watched.wait_until_all_are(well=True)

    Watched(database, broker, log).run(work)


def test_a_topic_with_another_number_of_partitions_is_reported(database: str, broker: str) -> None:
    log = a_log(*ORDINARY, tick(30))

    async def work(watched: Watched) -> None:
        await watched.wait_until_all_are(well=True)
        recreate(log)
        log.partitions = 6
        watched.task.request_log_check()
        await watched.wait_until_all_say("created again with 6 partitions instead of 1")

    Watched(database, broker, log).run(work)


def test_a_restored_postgres_is_ill_until_it_has_what_was_published(database: str, broker: str) -> None:
    topic, log = ChangeTopic(), a_log(*ORDINARY, tick(30), tick(90))
    before, after = Log(log.records[:3]), log

    async def publish(watched: Watched) -> None:
        await wait_for(lambda: committed(database)[0] == watched.log.end)
        await watched.wait_for(lambda story: story.well and len(topic.rows) == committed(database)[1])

    Watched(database, broker, before, topic=topic).run(publish)
    tables = ("transactions", "customers", "segment_changes", "stream_progress")
    with psycopg.connect(database, autocommit=True) as connection:
        for table in tables:
            connection.execute(f"CREATE TABLE backup_{table} AS TABLE {table}")
    Watched(database, broker, after, topic=topic).run(publish)
    published = list(topic.rows)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
        for table in tables:
            connection.execute(f"INSERT INTO {table} SELECT * FROM backup_{table}")
    waiting = Log(log.records[:3])

    async def catch_up(watched: Watched) -> None:
        def say_how_far(story: Story) -> bool:
            partitions = story.status["partitions"]
            ahead = story.metrics.get("segue_changes_ahead_of_postgres")
            return bool(partitions) and ahead == partitions[0]["changes_ahead"] > 0

        # They are asked one after another, and the task may store how far it is behind in between.
        await watched.wait_for(lambda story: story.ill and story.name("catching up") and say_how_far(story))
        waiting.records = list(log.records)
        await watched.seek(3)
        await watched.wait_until_all_are(well=True)
        assert committed(database)[0] == log.end

    Watched(database, broker, waiting, topic=topic).run(catch_up)
    assert topic.rows == published


def test_decay_that_is_committed_in_slices_is_no_trouble(database: str, broker: str) -> None:
    seen: list[Story] = []

    async def work(watched: Watched) -> None:
        while committed(database)[0] < watched.log.end:
            seen.append(await watched.story())
        await watched.wait_until_all_are(well=True)

    Watched(database, broker, a_log(*ORDINARY, tick(10), tick(800)), batch_size=2).run(work)
    claimed = [story for story in seen if story.status["partitions"]]
    assert all(story.exit_code == 0 for story in claimed)
