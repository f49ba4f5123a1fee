"""A record that can't be applied stops no partition: on a real Postgres, it is found and becomes a dead letter."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import msgspec
import psycopg
import pytest

from data.contract.wire import ModelActivation
from stream_app.core.apply import apply_batch
from stream_app.health import Health
from stream_app.partitions.units_of_work import Apply
from tests.support.builders import recency_model, tick, transaction
from tests.support.in_memory_worker import Message, Record, logs
from tests.support.partition_tasks import PATIENCE, committed, wait_for
from tests.support.poisoned_partition import FAULTS, LOG, ORDINARY, POISON, Worker, execute


def apply(database: str, log: list[Record], compute: Apply = apply_batch) -> Worker:
    """Apply a whole log; ``compute`` computes the results of its batches."""
    worker = Worker(database, log, apply=compute)

    async def work(_: Worker) -> None:
        await wait_for(lambda: committed(database)[0] == len(log))

    asyncio.run(worker.run(work))
    return worker


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("fault", FAULTS)
def test_the_one_record_that_postgres_refuses_is_found_and_all_others_are_applied(database: str, fault: str) -> None:
    execute(database, FAULTS[fault])
    worker = apply(database, LOG)
    ((offset, reason, value),) = rows(database, 'SELECT "offset", reason, value FROM dead_letters')
    assert (offset, value) == (POISON, LOG[POISON].value)
    assert reason.startswith("could not be applied: ")
    assert reason.isprintable()
    assert rows(database, "SELECT count(*) FROM customers") == [(len(ORDINARY),)]
    assert rows(database, "SELECT failures, failure, failing_since FROM stream_progress") == [(0, None, None)]
    assert worker.metrics.registry.get_sample_value("segue_dead_letters_total") == 1


def test_a_lack_of_memory_that_one_customer_causes_ends_with_a_dead_letter(database: str) -> None:
    real = apply_batch

    def limited(batch: Any, *arguments: Any) -> Any:
        if "evil" in batch.customer_id:
            raise MemoryError
        return real(batch, *arguments)

    apply(database, LOG, limited)
    assert rows(database, 'SELECT "offset", reason FROM dead_letters') == [
        (POISON, "could not be applied: MemoryError")
    ]
    assert rows(database, "SELECT count(*) FROM customers") == [(len(ORDINARY),)]


def test_a_model_or_a_tick_that_cannot_be_applied_is_a_dead_letter_too(database: str) -> None:
    execute(database, "ALTER TABLE models ADD CONSTRAINT one CHECK (version = (spec->>'version') AND false) NOT VALID")
    real = apply_batch

    def limited(batch: Any, *arguments: Any) -> Any:
        if len(batch.ticks) and min(batch.ticks)[1] > 365 * 40 * 86_400_000_000 + 10**15:
            raise MemoryError
        return real(batch, *arguments)

    messages: list[Message] = [
        transaction(1, 0),
        ModelActivation(recency_model(away=30.0)),
        transaction(2, 1, customer="d"),
        tick(20_000),
    ]
    (log,) = logs([*messages, tick(2), transaction(3, 4)], 1)
    apply(database, log, limited)
    reasons = dict(rows(database, 'SELECT "offset", reason FROM dead_letters'))
    assert set(reasons) == {1, 3}
    assert "CheckViolation" in reasons[1]
    assert "MemoryError" in reasons[3]
    assert rows(database, "SELECT customer_id FROM customers ORDER BY 1") == [("c",), ("d",)]


def test_what_is_never_the_fault_of_a_record_makes_no_dead_letter(database: str) -> None:
    """A missing right would otherwise make a dead letter of every record."""
    execute(database, "ALTER TABLE transactions RENAME TO elsewhere")
    worker = Worker(database, LOG)

    async def work(_: Worker) -> None:
        await wait_for(lambda: worker.metrics.partitions[0].failures >= 4)
        body = Health(worker.metrics).ready().body.decode()
        assert "partition 0 has failed" in body
        assert rows(database, "SELECT failures > 2, failure LIKE 'UndefinedTable: %' FROM stream_progress") == [
            (True, True)
        ]
        execute(database, "ALTER TABLE elsewhere RENAME TO transactions")
        await wait_for(lambda: Health(worker.metrics).ready().status == 200)
        assert committed(database)[0] == len(LOG)

    asyncio.run(worker.run(work))
    assert rows(database, "SELECT * FROM dead_letters") == []


def test_a_record_that_an_operator_has_had_skipped_is_a_dead_letter_and_nothing_else_is(database: str) -> None:
    execute(
        database,
        f"INSERT INTO skipped_records VALUES ('log', 0, {POISON}, 'seen in a dump', 'ada'),"
        " ('log', 1, 3, 'another partition', 'ada'), ('another log', 0, 3, 'another log', 'ada')",
    )
    apply(database, LOG)
    assert rows(database, 'SELECT "offset", reason FROM dead_letters') == [
        (POISON, "skipped by an operator: seen in a dump")
    ]
    assert rows(database, "SELECT count(*) FROM customers") == [(len(ORDINARY),)]


def test_a_running_worker_that_fails_finds_a_record_that_is_to_be_skipped(database: str) -> None:
    real = apply_batch

    def away(batch: Any, *arguments: Any) -> Any:
        if "evil" in batch.customer_id:
            raise ConnectionError("never the fault of a record")
        return real(batch, *arguments)

    worker = Worker(database, LOG, apply=away)

    async def work(_: Worker) -> None:
        await wait_for(lambda: worker.metrics.partitions[0].failures >= 3)
        execute(database, f"INSERT INTO skipped_records VALUES ('log', 0, {POISON}, 'why not', 'ada')")
        await wait_for(lambda: committed(database)[0] == len(LOG))

    asyncio.run(worker.run(work))
    assert rows(database, 'SELECT "offset" FROM dead_letters') == [(POISON,)]


def test_failures_continue_over_claims_and_end_with_a_commit(database: str) -> None:
    apply(database, LOG[:3])
    execute(
        database,
        "UPDATE stream_progress SET failures = 5, failure = 'DiskFull: no space', failing_since = now(),"
        " committed_at = now() - interval '1 hour'",
    )
    worker = Worker(database, LOG)
    worker.log = LOG[:3]

    async def work(_: Worker) -> None:
        await asyncio.wait_for(worker.task.claimed.wait(), PATIENCE)
        await asyncio.sleep(0.6)
        status = worker.metrics.partitions[0]
        assert (status.failures, status.fault) == (5, "DiskFull")
        assert status.commit_age >= 3_600
        assert Health(worker.metrics).ready().status == 503
        assert rows(database, "SELECT failures FROM stream_progress") == [(5,)]
        worker.task.offer(LOG[3:])
        await wait_for(lambda: status.failures == 0)
        assert committed(database)[0] == len(LOG)
        assert status.fault is None
        assert status.commit_age < 3_600

    asyncio.run(worker.run(work))
    assert rows(database, "SELECT failures, failure, failing_since FROM stream_progress") == [(0, None, None)]


def test_failures_end_without_a_commit_when_nothing_is_left_that_could_fail(database: str) -> None:
    apply(database, LOG)
    execute(database, "UPDATE stream_progress SET failures = 5, failure = 'DiskFull: no space', failing_since = now()")
    worker = Worker(database, LOG)

    async def work(_: Worker) -> None:
        await wait_for(lambda: rows(database, "SELECT failures FROM stream_progress") == [(0,)])
        await wait_for(lambda: Health(worker.metrics).ready().status == 200)

    asyncio.run(worker.run(work))


def test_another_dead_letter_at_an_offset_of_a_restored_log_stops_nothing(database: str) -> None:
    apply(database, [Record(0, b"k", b"nonsense")])
    execute(database, "UPDATE stream_progress SET next_offset = 0")
    apply(database, [Record(0, b"k", b"other nonsense"), *(replace(r, offset=r.offset + 1) for r in LOG)])
    assert rows(database, 'SELECT "offset", value FROM dead_letters') == [(0, b"nonsense")]


def test_models_of_absurd_size_are_dead_letters_and_stop_nothing(database: str) -> None:
    whole = msgspec.to_builtins(ModelActivation(recency_model(away=30.0)))
    one = whole["model"]["segments"][0]
    many = [one | {"id": f"s{number}"} for number in range(20_000)]
    deep = '{"a":' * 977 + "1" + "}" * 977
    values = [
        msgspec.json.encode(whole | {"model": whole["model"] | {"segments": many}}),
        msgspec.json.encode(whole | {"model": whole["model"] | {"metadata": {"note": "n" * 2_000_000}}}),
        msgspec.json.encode(whole | {"model": whole["model"] | {"metadata": msgspec.Raw(deep.encode())}}),
    ]
    log = [*(Record(offset, None, value) for offset, value in enumerate(values))]
    log += [replace(record, offset=record.offset + len(values)) for record in LOG]
    apply(database, log)
    reasons = dict(rows(database, 'SELECT "offset", reason FROM dead_letters'))
    assert "at most 100 segments, not 20,000" in reasons[0]
    assert "at most 1,000,000 bytes" in reasons[1]
    assert re.search("levels|nested too deeply", reasons[2])
    assert rows(database, "SELECT count(*) FROM customers") == [(len(ORDINARY) + 1,)]
