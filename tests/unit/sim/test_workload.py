"""Workloads: the seed alone decides them, and the worker's pure core agrees with the oracle about them."""

from functools import partial

import pytest

from data.kafka.partitioner import partition_of
from models.rhythm.risk import RISK_STATES
from sim import workload
from sim.history import expected
from sim.meanings import Bad, Forget, KnownRecord, NewModel, Order, TickAt
from sim.workload import PARTITIONS
from stream_app.core.control import ControlRules
from stream_app.core.decode import decode
from stream_app.core.erasure import without_foreign_erasure
from tests.support.in_memory_worker import InMemoryPartition, Record


def test_the_seed_decides_the_workload() -> None:
    assert workload.drawn(5) == workload.drawn(5)
    assert workload.drawn(5) != workload.drawn(6)


def test_workloads_contain_every_meaning() -> None:
    entries = [entry for seed in range(30) for arrival in workload.drawn(seed).arrivals for entry in arrival.entries]
    assert {type(entry.meaning) for entry in entries} == {Order, TickAt, NewModel, Forget, Bad}


def test_some_histories_have_more_customers_due_at_one_tick_than_fit_into_a_batch() -> None:
    shapes = [workload.drawn(seed).shape for seed in range(100)]
    assert sum(shape.crowd > shape.batch_size for shape in shapes) > 10


@pytest.mark.parametrize("seed", range(60))
def test_the_core_of_the_worker_finds_what_the_oracle_finds(seed: int) -> None:
    work = workload.drawn(seed)
    seen: list[list[KnownRecord]] = [[] for _ in range(PARTITIONS)]
    for arrival in sorted(work.arrivals, key=lambda each: each.at):
        if arrival.mode != "aborted":
            # Postgres alone refuses a poisoned record.
            kept = [entry for entry in arrival.entries if workload.POISON.encode() not in (entry.content.value or b"")]
            seen[arrival.partition] += kept
    for partition, outcome in expected(work).items():
        rules = ControlRules(work.control_keys, workload.TOPIC, partition)
        records = [
            Record(at, each.content.key, each.content.value, each.content.timestamp, each.content.headers)
            for at, each in enumerate(seen[partition])
        ]
        worker = InMemoryPartition(work.champion, partition, PARTITIONS)
        for batch in decode(records, workload.CURRENCY, control=rules) if records else []:
            worker.apply(without_foreign_erasure(batch, partition, partial(partition_of, partitions=PARTITIONS)))
            worker.run([])
        changes = sorted((row.customer_id, row.sequence, row.to_segment, row.cause) for row in worker.changes)
        found = sorted((each.customer, each.sequence, each.to_segment, each.cause) for each in outcome.changes)
        assert changes == found
        assert sorted(row[1:] for row in worker.risk_changes) == sorted(map(tuple, outcome.risk_changes))


def test_histories_with_rhythm_models_have_every_risk_state_and_every_cause() -> None:
    changes = [
        change for seed in range(40) for part in expected(workload.drawn(seed)).values() for change in part.risk_changes
    ]
    assert {change.to_state for change in changes} == {None, *RISK_STATES}
    assert {change.cause for change in changes} == {"first_purchase", "purchase", "silence", "model", "revision"}
