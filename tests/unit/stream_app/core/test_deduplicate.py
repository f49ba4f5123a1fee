"""Duplicates and contradictions: well-formed records that are known already, or contradict what is known."""

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from data.contract.wire import Transaction
from data.kafka.partitioner import partition_of
from stream_app.core.decode import MicroBatch, decode
from stream_app.core.deduplicate import admit
from tests.support.builders import recency_model
from tests.support.in_memory_worker import InMemoryPartition, Record

MOMENT = datetime(2011, 5, 1, 12, tzinfo=UTC)


def sale(amount: str = "10.00", customer: str = "c") -> Transaction:
    return Transaction("T1", customer, MOMENT, "sale", amount, "GBP", "France", [])


def records(*transactions: Transaction) -> list[Record]:
    return [Record(i, t.customer_id.encode(), msgspec.json.encode(t)) for i, t in enumerate(transactions)]


def test_a_known_id_with_other_content_is_a_dead_letter_and_changes_nothing() -> None:
    for cuts in ([], [1]):
        world = InMemoryPartition(recency_model()).run(records(sale(), sale("11.00"), sale()), cuts)
        assert [letter.offset for letter in world.dead_letters] == [1]
        assert "other content" in world.dead_letters[0].reason
        assert world.dead_letters[0].value == msgspec.json.encode(sale("11.00"))
        assert (world.duplicates, world.profiles["c"]["gross"]) == (1, 100_000)


def test_the_same_amount_in_another_format_is_a_duplicate() -> None:
    world = InMemoryPartition(recency_model()).run(records(sale("10.00"), sale("10")))
    assert (world.duplicates, world.dead_letters) == (1, [])


def test_the_same_id_of_another_customer_is_another_transaction() -> None:
    world = InMemoryPartition(recency_model()).run(records(sale(), sale(customer="d")))
    assert len(world.ledger) == 2


def test_a_customer_on_the_wrong_partition_is_a_dead_letter() -> None:
    wrong = (partition_of("c", 2) + 1) % 2
    world = InMemoryPartition(recency_model(), partition=wrong, partitions=2).run(records(sale(), sale()))
    assert [letter.offset for letter in world.dead_letters] == [0, 1]
    assert "murmur2" in world.dead_letters[0].reason
    assert world.profiles == {}


@given(
    st.lists(st.tuples(st.sampled_from("cde"), st.integers(1, 30)), max_size=8),
    st.dictionaries(st.sampled_from("cde"), st.integers(0, 1)),
)
def test_a_batch_is_decided_as_a_whole_as_its_rows_are_decided_alone(
    sold: list[tuple[str, int]], partition_by_customer: dict[str, int]
) -> None:
    sales = [Transaction(f"T{number}", customer, MOMENT, "sale", "1", "GBP", "France", []) for customer, number in sold]
    batch = MicroBatch(0, 0)
    for part in decode(records(*sales), "GBP"):
        batch.extend(part)

    def decided(totals: dict[str, tuple[int, int, int]] | None) -> object:
        return admit(batch, {}, partition_by_customer, 0, lambda customer: int(customer == "e"), totals)

    # With totals, every row is looked at; these are far from any limit.
    assert decided(None) == decided({})
