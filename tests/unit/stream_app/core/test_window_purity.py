"""Under models with trailing windows, too, the result is a function of the log."""

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract.wire import ModelActivation, Tick, Transaction
from models.segment_model import SegmentModel
from models.trailing_window import with_window
from tests.support.examples import examples
from tests.support.in_memory_worker import Message, outcome, run
from tests.support.strategies import START, segment_models, streams, windowed_models, windowed_streams

_cuts = st.sets(st.integers(1, 60))
_first_models = st.none() | windowed_models()


@given(_first_models, windowed_streams(), _cuts, _cuts)
@settings(max_examples=examples(150))
def test_batch_boundaries_change_nothing(
    model: SegmentModel | None, messages: list[Message], cuts: set[int], other_cuts: set[int]
) -> None:
    assert outcome(run(model, messages, cuts=cuts)) == outcome(run(model, messages, cuts=other_cuts))


@given(_first_models, windowed_streams(), st.integers(2, 5), _cuts)
@settings(max_examples=examples(150))
def test_the_number_of_partitions_changes_nothing(
    model: SegmentModel | None, messages: list[Message], partitions: int, cuts: set[int]
) -> None:
    assert outcome(run(model, messages)) == outcome(run(model, messages, partitions=partitions, cuts=cuts))


@given(_first_models, windowed_streams(), _cuts, _cuts, st.integers(1, 3))
@settings(max_examples=examples(300))
def test_neither_slices_and_chunks_nor_a_death_between_them_change_anything(
    model: SegmentModel | None, messages: list[Message], cuts: set[int], dying: set[int], chunk: int
) -> None:
    died = run(model, messages, cuts=cuts, dying=dying, chunk=chunk)
    assert outcome(died) == outcome(run(model, messages))


@given(_first_models, windowed_streams(), _cuts)
@settings(max_examples=examples(100))
def test_reading_the_log_again_changes_nothing(
    model: SegmentModel | None, messages: list[Message], cuts: set[int]
) -> None:
    again = [*messages, *(message for message in messages if not isinstance(message, ModelActivation))]
    assert outcome(run(model, messages)) == outcome(run(model, again, cuts=cuts))


@given(windowed_models(), streams(), st.floats(0.1, 30))
@settings(max_examples=examples(150))
def test_coarse_ticks_give_the_same_moments_as_fine_ones(
    model: SegmentModel, messages: list[Message], days: float
) -> None:
    sent = sorted((m for m in messages if isinstance(m, Transaction)), key=lambda m: m.occurred_at)
    end = START + timedelta(days=1_200)
    fine: list[Message] = []
    last = START
    for transaction in sent:
        last = _tick_until(transaction.occurred_at, last, days, fine)
        fine.append(transaction)
    _tick_until(end, last, days, fine)
    assert outcome(run(model, [*fine, Tick(end)])) == outcome(run(model, [*sent, Tick(end)]))


def _tick_until(end: datetime, last: datetime, days: float, messages: list[Message]) -> datetime:
    while last + timedelta(days=days) <= end:
        last += timedelta(days=days)
        messages.append(Tick(last))
    return last


@given(windowed_models(), streams(), st.integers(1, 12))
@settings(max_examples=examples(150))
def test_a_tick_at_the_moment_of_an_expiry_changes_nothing(
    model: SegmentModel, messages: list[Message], shift: int
) -> None:
    """Neither does one a microsecond before or after."""
    window = timedelta(days=model.window_days or 1)
    sent = sorted((m for m in messages if isinstance(m, Transaction)), key=lambda m: m.occurred_at)
    moments = {m.occurred_at + window + timedelta(microseconds=shift % 3 - 1) for m in sent}
    end = START + timedelta(days=1_500)
    ticked: list[Message] = [*sent, *(Tick(moment) for moment in moments), Tick(end)]
    ticked.sort(key=lambda m: (m.at, 1) if isinstance(m, Tick) else (m.occurred_at, 0))  # type: ignore[union-attr]
    assert outcome(run(model, ticked)) == outcome(run(model, [*sent, Tick(end)]))


@given(windowed_models(), windowed_streams(), _cuts)
@settings(max_examples=examples(100))
def test_the_changes_of_a_customer_form_a_chain_without_gaps_and_in_order_of_time(
    model: SegmentModel, messages: list[Message], cuts: set[int]
) -> None:
    profiles, changes = outcome(run(model, messages, cuts=cuts))
    for customer, profile in profiles.items():
        history = [row for _, row in sorted(changes.items()) if row.customer_id == customer]
        assert [row.sequence for row in history] == list(range(1, profile["sequence"] + 1))
        assert [row.from_segment for row in history] == [None, *(row.to_segment for row in history)][: len(history)]
        assert all(row.from_segment != row.to_segment for row in history)
        moments = [row.effective_at for row in history]
        assert moments == sorted(moments)


@given(segment_models(), windowed_streams(), _cuts)
@settings(max_examples=examples(100))
def test_under_a_window_longer_than_all_history_customers_move_as_without_one(
    model: SegmentModel, messages: list[Message], cuts: set[int]
) -> None:
    plain = [m for m in messages if not isinstance(m, ModelActivation)]
    windowed, lifetime = (outcome(run(m, plain, cuts=cuts)) for m in (with_window(model, 36_500), model))
    had_bought = {row.customer_id for row in lifetime[1].values()}
    assert {row.customer_id for row in windowed[1].values()} == had_bought
    for customer in had_bought:
        # A customer whose orders are all cancelled is inactive at once, and without a window is scored.
        own = [row for _, row in sorted(windowed[1].items()) if row.customer_id == customer]
        if any(row.to_segment == "inactive" for row in own):
            assert any(row.frequency == 0 for row in own)
            continue
        without = [row for _, row in sorted(lifetime[1].items()) if row.customer_id == customer]
        assert [row._replace(model_version="") for row in own] == [row._replace(model_version="") for row in without]
