"""Chaos on purpose: customers end where an ordered stream takes them, and the stack reports what was injected."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract.wire import Tick, Transaction
from data.kafka.partitioner import partition_of
from models.segment_model import SegmentModel
from models.units import from_micros, to_micros
from producers.chaos import CONFLICT, Injected, Injection
from producers.chaos_spec import Chaos, ChaosError
from producers.pace import days_between
from producers.records import ReplayRecord, last_ticks, tick
from tests.support.examples import examples
from tests.support.in_memory_worker import InMemoryPartition, Message
from tests.support.in_memory_worker import Record as Stored
from tests.support.strategies import segment_models, streams

HOUR = 3_600_000_000
STATE = ("last_purchase_at", "frequency", "gross", "returned", "segment", "next_change_at", "next_segment")
SOME = Chaos(duplicates=0.2, late=0.3, malformed=0.1, conflicts=0.1, shuffle=5 * HOUR)

shares = st.sampled_from([0.0, 0.2, 0.6, 1.0])
chaos = st.builds(Chaos, shares, shares, shares, shares, st.sampled_from([0, 1, 2 * HOUR, 30 * 24 * HOUR]))


def _planned(messages: Iterable[Message]) -> tuple[list[ReplayRecord], int]:
    """The records of a replay of the distinct transactions, and the moment of the last tick."""
    distinct = {(each.customer_id, each.transaction_id): each for each in messages if isinstance(each, Transaction)}
    found: list[ReplayRecord] = []
    ordered = sorted(distinct.values(), key=lambda each: each.occurred_at)
    ticked = to_micros(ordered[0].occurred_at) if ordered else 0
    for each in ordered:
        moment = to_micros(each.occurred_at)
        for midnight in days_between(ticked, moment):
            found.append(tick(midnight))
            ticked = midnight
        found.append(ReplayRecord(moment, moment, each.customer_id.encode(), msgspec.json.encode(each)))
    end = found[-1].due if found else 0
    return [*found, *map(tick, last_ticks(ticked, end))], end


def _run(model: SegmentModel, sent: Iterable[ReplayRecord], partitions: int, cuts: set[int]) -> list[InMemoryPartition]:
    logs: list[list[Stored]] = [[] for _ in range(partitions)]
    for record in sent:
        value = msgspec.json.encode(Tick(from_micros(record.due))) if record.key is None else record.value
        targets = logs if record.key is None else [logs[partition_of(record.key.decode(), partitions)]]
        for log in targets:
            log.append(Stored(len(log), record.key, value))
    return [
        InMemoryPartition(model, number, partitions).run(log, [cut for cut in cuts if cut < len(log)])
        for number, log in enumerate(logs)
    ]


def _states(worlds: Iterable[InMemoryPartition]) -> dict[str, dict[str, Any]]:
    return {
        customer: {name: row[name] for name in STATE} for world in worlds for customer, row in world.profiles.items()
    }


@given(segment_models(), streams(), chaos, st.integers(), st.integers(1, 3), st.sets(st.integers(1, 40)))
@settings(max_examples=examples(150))
def test_chaos_ends_in_the_states_of_an_ordered_stream_and_the_stack_reports_what_was_injected(
    model: SegmentModel, messages: list[Message], chaos: Chaos, seed: int, partitions: int, cuts: set[int]
) -> None:
    planned, end = _planned(messages)
    injection = Injection(chaos, seed)
    ordered, disturbed = (_run(model, sent, partitions, cuts) for sent in (planned, list(injection.into(planned, end))))
    assert _states(disturbed) == _states(ordered)
    letters = [letter.reason for world in disturbed for letter in world.dead_letters]
    injected = injection.injected
    assert sum(world.duplicates for world in disturbed) == injected.duplicates
    assert sum(world.late for world in disturbed) == injected.late >= injected.held_back
    assert letters.count(CONFLICT) == injected.conflicts
    assert len(letters) == injected.dead_letters


@given(streams(), st.integers())
@settings(max_examples=examples(50))
def test_every_transaction_is_sent_once_and_in_order_of_time_and_the_last_tick_stays_last(
    messages: list[Message], seed: int
) -> None:
    planned, end = _planned(messages)
    sent = list(Injection(Chaos(late=0.4, shuffle=4 * HOUR), seed).into(planned, end))
    values = sorted(record.value for record in planned)
    assert sorted(record.value for record in sent) == values
    assert [record.due for record in sent if record.key is None] == [
        record.due for record in planned if record.key is None
    ]
    assert sent[-1:] == planned[-1:]


@given(streams(), st.integers(), st.integers())
@settings(max_examples=examples(50))
def test_a_seed_decides_everything(messages: list[Message], seed: int, other: int) -> None:
    planned, end = _planned(messages)

    def of(number: int) -> tuple[list[ReplayRecord], dict[str, int]]:
        injection = Injection(SOME, number)
        return list(injection.into(planned, end)), asdict(injection.injected)

    assert of(seed) == of(seed)
    if other != seed and len(planned) > 60:
        assert of(seed) != of(other)


def test_only_what_was_sent_is_counted() -> None:
    first = Transaction("T1", "c", from_micros(0), "sale", "1", "GBP", "France", [])
    planned, end = _planned([first])
    injection = Injection(Chaos(duplicates=1.0), seed=1)
    sending: Iterator[ReplayRecord] = injection.into(planned, end)
    next(sending)
    next(sending)
    assert injection.injected == Injected()
    next(sending)
    assert injection.injected == Injected(duplicates=1)


def test_without_chaos_the_records_stay_as_they_are() -> None:
    first = Transaction("T1", "c", from_micros(0), "sale", "1", "GBP", "France", [])
    second = msgspec.structs.replace(first, transaction_id="T2", occurred_at=from_micros(50 * HOUR))
    planned, end = _planned([first, second])
    assert list(Injection(Chaos(), seed=1).into(planned, end)) == planned


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("duplicates=0.02,late=0.05", Chaos(duplicates=0.02, late=0.05)),
        (" shuffle = 2h , malformed=1", Chaos(malformed=1.0, shuffle=2 * HOUR)),
        ("conflicts=0", Chaos()),
    ],
)
def test_a_specification_names_shares_and_a_window(text: str, expected: Chaos) -> None:
    assert Chaos.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("dupes=0.1", "'dupes'"),
        ("", "''"),
        ("late", "late="),
        ("late=2", "late=2"),
        ("late=-0.1", "late=-0.1"),
        ("late=nan", "late=nan"),
        ("late=5%", "late=5%"),
        ("shuffle=2", None),
        ("shuffle=31d", "shuffle=31d"),
        ("shuffle=-1h", "shuffle=-1h"),
        ("late=0.1,late=0.2", "late is given twice"),
        ("late=0.1,", "''"),
    ],
)
def test_a_bad_specification_is_refused_with_the_key_and_what_is_allowed(text: str, named: str | None) -> None:
    if named is None:
        assert Chaos.parse(text).shuffle == 2_000_000
        return
    with pytest.raises(ChaosError) as refused:
        Chaos.parse(text)
    assert named in str(refused.value)
    assert "twice" in named or "from 0 to 1" in str(refused.value)
    assert "\n" not in str(refused.value)
