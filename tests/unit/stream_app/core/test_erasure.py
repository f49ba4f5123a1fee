"""A forgotten customer is nowhere, does not come back, and changes nobody else."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract.control import signed
from data.contract.wire import Erasure, Transaction
from models.segment_model import SegmentModel
from stream_app.core.control import ControlRules
from stream_app.core.decode import decode
from tests.support.builders import recency_model, tick, transaction
from tests.support.examples import examples
from tests.support.in_memory_worker import InMemoryPartition, Message, Record, outcome, run
from tests.support.strategies import segment_models, streams

MODEL = recency_model()
_cuts = st.sets(st.integers(1, 40))
_customers = st.sampled_from([f"C{number}" for number in range(5)])


@st.composite
def streams_with_erasures(draw: st.DrawFn) -> list[Message]:
    """A stream in which some customers are forgotten, some of them twice."""
    messages = draw(streams(models=True))
    for customer in draw(st.lists(_customers, min_size=1, max_size=4)):
        messages.insert(draw(st.integers(0, len(messages))), Erasure(customer))
    return messages


def erased(messages: list[Message]) -> set[str]:
    return {message.customer_id for message in messages if isinstance(message, Erasure)}


def world(*messages: Message) -> InMemoryPartition:
    (only,) = run(MODEL, messages)
    return only


def test_an_erasure_deletes_ledger_profile_changes_and_dead_letters() -> None:
    conflict = transaction(1, 5, amount="99")
    before = world(transaction(1, 0), conflict, transaction(2, 1, customer="d"))
    after = world(transaction(1, 0), conflict, transaction(2, 1, customer="d"), Erasure("c"))
    assert (len(before.dead_letters), len(before.ledger)) == (1, 2)
    assert after.dead_letters == []
    assert {customer for customer, _ in after.ledger} == set(after.profiles) == {"d"}
    assert {row.customer_id for row in after.changes} == {"d"}


def test_records_after_an_erasure_are_dropped_and_counted() -> None:
    after = world(
        transaction(1, 0), Erasure("c"), transaction(1, 0), transaction(2, 9), transaction(3, 9, customer="d")
    )
    assert set(after.profiles) == {"d"}
    assert (after.dropped, after.duplicates) == (2, 0)


def test_an_invalid_record_of_a_forgotten_customer_is_no_dead_letter() -> None:
    euros = msgspec.structs.replace(transaction(2, 1), currency="EUR")
    assert len(world(euros).dead_letters) == 1
    after = world(Erasure("c"), euros)
    assert (after.dead_letters, after.dropped) == ([], 1)


@pytest.mark.parametrize("value", [b'{"customer_id":"c"}', rb'{"customer_id":"\u0063","amount":1}'])
@pytest.mark.parametrize("key", [None, b"d"])
def test_an_invalid_record_under_another_key_is_that_of_a_forgotten_customer_too(
    key: bytes | None, value: bytes
) -> None:
    after = world(Erasure("c"))
    before = len(after.dead_letters)
    after.run([Record(after.progress.next_offset, key, value)])
    assert (len(after.dead_letters), after.dropped) == (before, 1)


def test_someone_who_was_never_there_can_be_forgotten() -> None:
    assert world(Erasure("c"), transaction(1, 0), tick(30)).profiles == {}


def test_an_erasure_in_a_foreign_partition_or_under_another_key_is_a_dead_letter() -> None:
    value = msgspec.json.encode(Erasure("c"))
    (under_another_key,) = decode([Record(0, b"d", value)], "GBP")
    assert under_another_key.erased is None
    assert [letter.reason for letter in under_another_key.dead_letters] == ["the record's key is not its customer_id"]
    accepting = [number for number in range(3) if not _foreign(number, value).dead_letters]
    assert len(accepting) == 1


def _foreign(partition: int, value: bytes) -> InMemoryPartition:
    return InMemoryPartition(MODEL, partition, 3).run([Record(0, b"c", value)])


@pytest.mark.parametrize("headers", [[], signed(b"other", "log", 0, 7, b"")])
def test_with_a_control_key_an_erasure_must_be_signed(headers: list[tuple[str, bytes]]) -> None:
    rules, value = ControlRules((b"key",), "log", 0), msgspec.json.encode(Erasure("c"))
    (refused,) = decode([Record(0, b"c", value, None, headers)], "GBP", control=rules)
    assert (refused.erased, [letter.kind for letter in refused.dead_letters]) == (None, ["control"])
    (accepted,) = decode([Record(0, b"c", value, None, signed(b"key", "log", 0, 7, value))], "GBP", control=rules)
    assert accepted.erased == "c"


@given(st.none() | segment_models(), streams_with_erasures(), _cuts, _cuts, st.integers(1, 4))
@settings(max_examples=examples(150))
def test_batches_deaths_and_partitions_change_nothing(
    model: SegmentModel | None, messages: list[Message], cuts: set[int], dying: set[int], partitions: int
) -> None:
    once, again = run(model, messages), run(model, messages, partitions=partitions, cuts=cuts, dying=dying, chunk=2)
    assert outcome(once) == outcome(again)
    counted = [
        [sum(getattr(each, name) for each in worlds) for name in ("dropped", "duplicates", "late")]
        for worlds in (once, again)
    ]
    assert counted[0] == counted[1]


@given(st.none() | segment_models(), streams_with_erasures(), _cuts)
@settings(max_examples=examples(150))
def test_the_others_are_as_if_the_forgotten_had_never_been_there(
    model: SegmentModel | None, messages: list[Message], cuts: set[int]
) -> None:
    gone = erased(messages)
    without = [m for m in messages if not isinstance(m, Transaction | Erasure) or m.customer_id not in gone]
    assert outcome(run(model, messages, cuts=cuts)) == outcome(run(model, without))


@given(st.none() | segment_models(), streams_with_erasures(), _cuts)
@settings(max_examples=examples(100))
def test_sending_everything_again_brings_nobody_back(
    model: SegmentModel | None, messages: list[Message], cuts: set[int]
) -> None:
    repeats = [message for message in messages if isinstance(message, Transaction)]
    again = run(model, [*messages, *repeats], cuts=cuts)
    assert outcome(again) == outcome(run(model, messages))
    assert not any(customer in erased(messages) for world in again for customer in world.profiles)
