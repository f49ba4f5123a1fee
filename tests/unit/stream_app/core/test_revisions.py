"""A later revision replaces a transaction, as if it had been the only one, whatever came in between."""

from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract.wire import Kind, Tick, Transaction
from models.decay import NEVER
from models.segment_model import SegmentModel
from models.units import to_micros
from stream_app.core.columns import LONG_AGO
from tests.support.builders import START, recency_model, tick, transaction
from tests.support.examples import examples
from tests.support.in_memory_worker import InMemoryPartition, Message, outcome, run
from tests.support.strategies import segment_models, streams

MODEL = recency_model()
_cuts = st.sets(st.integers(1, 60))
#: What a customer's state is without the history of how it came about.
STATE = (
    "country",
    "first_purchase_at",
    "last_purchase_at",
    "frequency",
    "gross",
    "returned",
    "segment",
    "next_change_at",
    "next_segment",
)


def revised(
    number: int, days: float, revision: int, kind: Kind = "sale", amount: str = "10", customer: str = "c"
) -> Transaction:
    return msgspec.structs.replace(transaction(number, days, kind, amount, customer), revision=revision)


def world(*messages: Message) -> InMemoryPartition:
    (only,) = run(MODEL, messages)
    return only


def moves(of: InMemoryPartition) -> list[tuple[str | None, str, str, str | None]]:
    return [(row.from_segment, row.to_segment, row.cause, row.transaction_id) for row in of.changes]


def test_an_edited_order_counts_as_if_it_had_been_like_that_from_the_beginning() -> None:
    edited = world(transaction(1, 0), transaction(2, 5), revised(1, 0, 1, amount="12.5"))
    (profile,) = edited.profiles.values()
    assert (profile["frequency"], profile["gross"], edited.revisions) == (2, 225_000, 1)
    assert (edited.duplicates, edited.dead_letters, edited.late) == (0, [], 0)


def test_an_order_that_was_moved_moves_its_customer_with_a_cause_of_its_own() -> None:
    moved = world(transaction(1, 0), tick(50), transaction(2, 51), tick(52), revised(2, 1, 1))
    assert moves(moved) == [
        (None, "here", "first_purchase", "T1"),
        ("here", "away", "decay", None),
        ("away", "lost", "decay", None),
        ("lost", "here", "purchase", "T2"),
        ("here", "lost", "revision", "T2"),
    ]
    last = moved.changes[-1]
    assert (last.effective_at, last.recency_days, last.frequency) == (to_micros(tick(52).at), 51, 2)


def test_a_cancelled_order_leaves_the_orders_before_it() -> None:
    cancelled = world(transaction(1, 0), tick(30), transaction(2, 30), tick(31), revised(2, 30, 1, "cancelled"))
    (profile,) = cancelled.profiles.values()
    assert (profile["frequency"], profile["gross"]) == (1, 100_000)
    assert profile["last_purchase_at"] == to_micros(START)
    assert moves(cancelled)[-1] == ("here", "away", "revision", "T2")


def test_a_customer_whose_only_order_is_cancelled_goes_on_in_segments_without_a_purchase() -> None:
    gone = world(transaction(1, 0), revised(1, 0, 1, "cancelled"), tick(90))
    (profile,) = gone.profiles.values()
    assert (profile["frequency"], profile["gross"], profile["segment"]) == (0, 0, "lost")
    assert (profile["first_purchase_at"], profile["last_purchase_at"]) == (NEVER, LONG_AGO)
    assert [cause for _, _, cause, _ in moves(gone)] == ["first_purchase", "decay", "decay"]
    back = world(transaction(1, 0), revised(1, 0, 1, "cancelled"), tick(90), transaction(2, 91))
    assert moves(back)[-1] == ("lost", "here", "purchase", "T2")


def test_an_order_that_was_cancelled_before_it_was_seen_gives_nobody_a_segment() -> None:
    never = world(revised(1, 0, 3, "cancelled"), tick(90))
    assert never.changes == []
    assert never.profiles["c"]["segment"] is None
    again = world(revised(1, 0, 3, "cancelled"), revised(1, 0, 4))
    assert moves(again) == [(None, "here", "first_purchase", "T1")]


def test_older_revisions_and_repeats_are_duplicates_and_contradictions_are_dead_letters() -> None:
    first, second = revised(1, 0, 2, amount="20"), revised(1, 0, 5, amount="50")
    other = revised(1, 0, 5, amount="55")
    after = world(first, second, first, second, transaction(1, 0), other)
    assert (after.duplicates, after.revisions, after.profiles["c"]["gross"]) == (3, 1, 500_000)
    assert [letter.reason for letter in after.dead_letters] == ["a transaction with this id but other content is known"]


def test_a_sale_may_become_a_return_and_a_customer_without_a_purchase_a_buyer() -> None:
    assert world(transaction(1, 0), revised(1, 0, 1, "return")).profiles["c"]["returned"] == 100_000
    bought = world(transaction(1, 0, "return"), revised(1, 0, 1, "sale"))
    assert moves(bought) == [(None, "here", "first_purchase", "T1")]


def test_without_a_model_revisions_count_too() -> None:
    (collected,) = run(None, [transaction(1, 0), transaction(2, 4), revised(1, 0, 1, "cancelled"), tick(9)])
    profile = collected.profiles["c"]
    assert (profile["frequency"], profile["segment"], profile["first_purchase_at"]) == (1, None, to_micros(tick(4).at))


def test_a_first_revision_is_not_in_the_bytes_of_a_transaction() -> None:
    assert b"revision" not in msgspec.json.encode(transaction(1, 0))
    assert b'"revision":3' in msgspec.json.encode(revised(1, 0, 3))


@st.composite
def streams_with_revisions(draw: st.DrawFn, models: bool = False) -> list[Message]:
    """A stream in which some transactions are edited or cancelled later, or come in an older revision after all."""
    messages = draw(streams(models))
    sent = [message for message in messages[:-1] if isinstance(message, Transaction)]
    for _ in range(draw(st.integers(0, 12)) if sent else 0):
        original, revision = draw(st.sampled_from(sent)), draw(st.integers(1, 4))
        # The content follows from the revision, so that a repeated revision is a duplicate and not a contradiction.
        spread = revision * 53
        edited = msgspec.structs.replace(
            original,
            revision=revision,
            kind=("cancelled", "sale", "return", "sale")[(revision + len(original.amount)) % 4],
            amount=f"{revision * 11}.5",
            occurred_at=original.occurred_at + timedelta(days=spread % 90 - 40, hours=spread % 24),
            country=f"Country {revision}",
        )
        messages.insert(draw(st.integers(0, len(messages) - 1)), edited)
    return messages


def last_revisions(messages: list[Message]) -> list[Message]:
    """The log with only the last revision of each transaction, where it was first sent."""
    newest: dict[tuple[str, str], int] = {}
    for message in messages:
        if isinstance(message, Transaction):
            key = (message.customer_id, message.transaction_id)
            newest[key] = max(newest.get(key, 0), message.revision)
    return [
        message
        for message in messages
        if not isinstance(message, Transaction)
        or message.revision == newest[(message.customer_id, message.transaction_id)]
    ]


@given(st.none() | segment_models(), streams_with_revisions(), _cuts)
@settings(max_examples=examples(300))
def test_the_state_is_that_of_a_log_with_only_the_last_revisions(
    model: SegmentModel | None, messages: list[Message], cuts: set[int]
) -> None:
    with_all, _ = outcome(run(model, messages, cuts=cuts))
    with_last, _ = outcome(run(model, last_revisions(messages)))
    assert {customer for customer, row in with_last.items() if row["frequency"]} == {
        customer for customer, row in with_all.items() if row["frequency"]
    }
    for customer, row in with_last.items():
        names = STATE if row["frequency"] else STATE[:6]
        assert {name: with_all[customer][name] for name in names} == {name: row[name] for name in names}


@given(st.none() | segment_models(), streams_with_revisions(models=True), _cuts, _cuts, st.integers(1, 4))
@settings(max_examples=examples(300))
def test_batches_deaths_and_partitions_change_nothing(
    model: SegmentModel | None, messages: list[Message], cuts: set[int], dying: set[int], partitions: int
) -> None:
    once = run(model, messages, cuts=range(1, len(messages)))
    again = run(model, messages, partitions=partitions, cuts=cuts, dying=dying, chunk=2)
    assert outcome(once) == outcome(again)
    assert _counted(once) == _counted(again)


@given(st.none() | segment_models(), streams_with_revisions(models=True), _cuts, st.data())
@settings(max_examples=examples(200))
def test_sending_transactions_and_revisions_again_changes_nothing(
    model: SegmentModel | None, messages: list[Message], cuts: set[int], data: st.DataObject
) -> None:
    sent = [message for message in messages if isinstance(message, Transaction)]
    repeats = data.draw(st.lists(st.sampled_from(sent)) if sent else st.just([]))
    again = run(model, [*messages, *repeats], cuts=cuts)
    assert outcome(again) == outcome(run(model, messages))
    assert not any(partition.dead_letters for partition in again)


@given(segment_models(), streams_with_revisions(models=True))
@settings(max_examples=examples(200))
def test_the_changes_of_a_customer_form_a_chain_in_order_of_time(model: SegmentModel, messages: list[Message]) -> None:
    profiles, changes = outcome(run(model, messages))
    for customer, profile in profiles.items():
        history = [row for _, row in sorted(changes.items()) if row.customer_id == customer]
        assert [row.sequence for row in history] == list(range(1, profile["sequence"] + 1))
        assert [row.from_segment for row in history] == [None, *(row.to_segment for row in history)][: len(history)]
        assert all(row.from_segment != row.to_segment for row in history)
        moments = [row.effective_at for row in history]
        assert moments == sorted(moments)
        assert all(row.recency_days >= 0 for row in history)


def _counted(worlds: list[InMemoryPartition]) -> list[Any]:
    return [sum(getattr(each, name) for each in worlds) for name in ("duplicates", "revisions", "late")]


def test_a_tick_between_revisions_lets_time_pass_for_each_of_them() -> None:
    messages: list[Message] = [transaction(1, 0), revised(1, 2, 1), Tick(START + timedelta(days=11)), revised(1, 0, 2)]
    assert moves(world(*messages)) == [(None, "here", "first_purchase", "T1"), ("here", "away", "revision", "T1")]
