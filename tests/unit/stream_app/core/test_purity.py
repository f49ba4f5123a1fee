"""The result is a function of the log: profiles and changes do not depend on how the log is processed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract.wire import ModelActivation, Transaction
from models.segment_model import SegmentModel
from tests.support.examples import examples
from tests.support.in_memory_worker import Message, outcome, run
from tests.support.strategies import segment_models, streams

_cuts = st.sets(st.integers(1, 40))
# None is a partition that begins without a model.
_first_models = st.none() | segment_models()


@given(_first_models, streams(models=True), _cuts, _cuts)
@settings(max_examples=examples(150))
def test_batch_boundaries_change_nothing(
    model: SegmentModel | None, messages: list[Message], cuts: set[int], other_cuts: set[int]
) -> None:
    assert outcome(run(model, messages, cuts=cuts)) == outcome(run(model, messages, cuts=other_cuts))


@given(_first_models, streams(models=True), st.integers(2, 5), _cuts)
@settings(max_examples=examples(150))
def test_the_number_of_partitions_changes_nothing(
    model: SegmentModel | None, messages: list[Message], partitions: int, cuts: set[int]
) -> None:
    assert outcome(run(model, messages)) == outcome(run(model, messages, partitions=partitions, cuts=cuts))


@given(segment_models(), streams(models=True))
@settings(max_examples=examples(150))
def test_the_changes_of_a_customer_never_go_back_in_time(model: SegmentModel, messages: list[Message]) -> None:
    effective: dict[str, int] = {}
    for row in run(model, messages)[0].changes:
        assert row.effective_at >= effective.get(row.customer_id, row.effective_at)
        effective[row.customer_id] = row.effective_at


@given(_first_models, streams(), _cuts, st.data())
@settings(max_examples=examples(150))
def test_sending_transactions_again_changes_nothing(
    model: SegmentModel | None, messages: list[Message], cuts: set[int], data: st.DataObject
) -> None:
    transactions = [m for m in messages if isinstance(m, Transaction)]
    repeats = data.draw(st.lists(st.sampled_from(transactions)) if transactions else st.just([]))
    again = [*messages, *repeats, *messages]
    once, twice = run(model, messages), run(model, again, cuts=cuts)
    assert outcome(once) == outcome(twice)
    assert len(twice[0].ledger) + twice[0].duplicates == sum(isinstance(message, Transaction) for message in again)


@given(_first_models, streams(models=True), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=examples(100))
def test_the_size_of_rescoring_chunks_changes_nothing(
    model: SegmentModel | None, messages: list[Message], chunk: int, other: int
) -> None:
    assert outcome(run(model, messages, chunk=chunk)) == outcome(run(model, messages, cuts=[3, 9], chunk=other))


@given(_first_models, streams(models=True), _cuts, st.integers(1, 3))
@settings(max_examples=examples(200))
def test_the_size_of_slices_of_due_decay_changes_nothing(
    model: SegmentModel | None, messages: list[Message], cuts: set[int], chunk: int
) -> None:
    assert outcome(run(model, messages, chunk=chunk, cuts=cuts)) == outcome(run(model, messages))


@given(_first_models, streams(models=True), _cuts, _cuts, st.integers(1, 3))
@settings(max_examples=examples(300))
def test_a_death_between_slices_of_due_decay_changes_nothing_whatever_the_next_batches_are(
    model: SegmentModel | None, messages: list[Message], cuts: set[int], dying: set[int], chunk: int
) -> None:
    died, lived = run(model, messages, cuts=cuts, dying=dying, chunk=chunk), run(model, messages)
    assert outcome(died) == outcome(lived)
    assert [world.late for world in died] == [world.late for world in lived]


@given(_first_models, streams(models=True))
@settings(max_examples=examples(100))
def test_a_customer_does_not_depend_on_other_customers(model: SegmentModel | None, messages: list[Message]) -> None:
    profiles, changes = outcome(run(model, messages))
    for customer in profiles:
        alone = [m for m in messages if not isinstance(m, Transaction) or m.customer_id == customer]
        own_profiles, own_changes = outcome(run(model, alone))
        assert own_profiles == {customer: profiles[customer]}
        assert own_changes == {key: row for key, row in changes.items() if key[0] == customer}


@given(_first_models, streams(models=True))
@settings(max_examples=examples(100))
def test_the_changes_of_a_customer_form_a_chain_without_gaps(
    model: SegmentModel | None, messages: list[Message]
) -> None:
    profiles, changes = outcome(run(model, messages))
    for customer, profile in profiles.items():
        history = [row for _, row in sorted(changes.items()) if row.customer_id == customer]
        assert [row.sequence for row in history] == list(range(1, profile["sequence"] + 1))
        assert [row.from_segment for row in history] == [None, *(row.to_segment for row in history)][: len(history)]
        assert (history[-1].to_segment if history else None) == profile["segment"]
        assert all(row.from_segment != row.to_segment for row in history)
        moments = [row.effective_at for row in history]
        assert moments == sorted(moments)


@given(segment_models(), streams(models=True), _cuts)
@settings(max_examples=examples(100))
def test_a_model_at_the_beginning_of_the_log_is_as_good_as_one_that_was_there_before(
    model: SegmentModel, messages: list[Message], cuts: set[int]
) -> None:
    assert outcome(run(None, [ModelActivation(model), *messages], cuts=cuts)) == outcome(run(model, messages))


@given(segment_models(), streams(), _cuts)
@settings(max_examples=examples(100))
def test_whenever_the_first_model_comes_everybody_ends_in_the_same_segment(
    model: SegmentModel, messages: list[Message], cuts: set[int]
) -> None:
    collected = run(None, messages, cuts=cuts)
    profiles, changes = outcome(collected)
    assert changes == {}
    assert {row["segment"] for row in profiles.values()} <= {None}
    then, last = run(None, [*messages, ModelActivation(model)], cuts=cuts), run(model, messages)
    states = [
        {customer: (row["segment"], row["next_change_at"]) for customer, row in outcome(worlds)[0].items()}
        for worlds in (then, last)
    ]
    assert states[0] == states[1]
    assert {(row.cause, row.from_segment, row.sequence) for row in outcome(then)[1].values()} <= {
        ("first_model", None, 1)
    }
