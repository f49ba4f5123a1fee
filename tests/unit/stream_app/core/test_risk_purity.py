"""Risk states are a function of the log: they do not depend on how it is processed."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract.wire import ModelActivation, Tick, Transaction
from models.segment_model import SegmentModel
from tests.support.examples import examples
from tests.support.in_memory_worker import Message, outcome, risk_outcome, run
from tests.support.strategies import START, predicted_streams, predicting_models, segment_models, streams

_cuts = st.sets(st.integers(1, 60))
_first_models = st.none() | predicting_models()


@given(_first_models, predicted_streams(), _cuts, _cuts)
@settings(max_examples=examples(150))
def test_batch_boundaries_change_no_risk_state(
    model: SegmentModel | None, messages: list[Message], cuts: set[int], other_cuts: set[int]
) -> None:
    assert risk_outcome(run(model, messages, cuts=cuts)) == risk_outcome(run(model, messages, cuts=other_cuts))


@given(_first_models, predicted_streams(), st.integers(2, 5), _cuts)
@settings(max_examples=examples(150))
def test_the_number_of_partitions_changes_no_risk_state(
    model: SegmentModel | None, messages: list[Message], partitions: int, cuts: set[int]
) -> None:
    parts = run(model, messages, partitions=partitions, cuts=cuts)
    assert risk_outcome(run(model, messages)) == risk_outcome(parts)


@given(_first_models, predicted_streams(), _cuts, _cuts, st.integers(1, 3))
@settings(max_examples=examples(200))
def test_neither_slices_and_chunks_nor_a_death_between_them_change_a_risk_state(
    model: SegmentModel | None, messages: list[Message], cuts: set[int], dying: set[int], chunk: int
) -> None:
    died = run(model, messages, cuts=cuts, dying=dying, chunk=chunk)
    assert risk_outcome(died) == risk_outcome(run(model, messages))


@given(_first_models, predicted_streams(), _cuts)
@settings(max_examples=examples(100))
def test_reading_the_log_again_changes_no_risk_state(
    model: SegmentModel | None, messages: list[Message], cuts: set[int]
) -> None:
    again = [*messages, *(message for message in messages if not isinstance(message, ModelActivation))]
    assert risk_outcome(run(model, messages)) == risk_outcome(run(model, again, cuts=cuts))


@given(predicting_models(), streams(), st.integers(1, 30))
@settings(max_examples=examples(100))
def test_coarse_ticks_give_the_same_moments_as_fine_ones(
    model: SegmentModel, messages: list[Message], days: int
) -> None:
    sent = sorted((m for m in messages if isinstance(m, Transaction)), key=lambda m: m.occurred_at)
    last, end = START, START + timedelta(days=1_500)
    fine: list[Message] = []
    for transaction in sent:
        while last + timedelta(days=days) <= transaction.occurred_at:
            last += timedelta(days=days)
            fine.append(Tick(last))
        fine.append(transaction)
    while last < end:
        last += timedelta(days=days)
        fine.append(Tick(min(last, end)))
    assert risk_outcome(run(model, fine)) == risk_outcome(run(model, [*sent, Tick(end)]))


@given(_first_models, predicted_streams())
@settings(max_examples=examples(100))
def test_the_risk_changes_of_a_customer_form_a_chain_without_gaps(
    model: SegmentModel | None, messages: list[Message]
) -> None:
    risks, changes = risk_outcome(run(model, messages))
    assert {customer for customer, _ in changes} == set(risks)
    for customer, row in risks.items():
        history = [change for _, change in sorted(changes.items()) if change.customer_id == customer]
        assert [change.sequence for change in history] == list(range(1, row["sequence"] + 1))
        assert [change.from_state for change in history] == [None, *(change.to_state for change in history)][:-1]
        assert history[-1].to_state == row["state"]
        assert history[-1].effective_at == row["since"]
        assert all(change.from_state != change.to_state for change in history)
        moments = [change.effective_at for change in history]
        assert moments == sorted(moments)


@given(_first_models, predicted_streams(), _cuts)
@settings(max_examples=examples(50))
def test_risk_states_change_no_segment(model: SegmentModel | None, messages: list[Message], cuts: set[int]) -> None:
    def plain(model: SegmentModel) -> SegmentModel:
        return SegmentModel(*(getattr(model, name) if name != "metadata" else {} for name in model.__struct_fields__))

    without: list[Message] = [
        ModelActivation(plain(message.model)) if isinstance(message, ModelActivation) else message
        for message in messages
    ]
    first = None if model is None else plain(model)
    assert outcome(run(model, messages, cuts=cuts)) == outcome(run(first, without))


@given(segment_models(), streams(models=True), _cuts)
@settings(max_examples=examples(50))
def test_without_a_rhythm_model_nobody_has_a_risk_state(
    model: SegmentModel, messages: list[Message], cuts: set[int]
) -> None:
    assert risk_outcome(run(model, messages, cuts=cuts)) == ({}, {})
