"""Trailing windows against an oracle that asks on every day and at every expiry, one customer after another."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from models.decay import NEVER
from models.segment_model import SegmentModel
from models.units import MICROS_PER_DAY
from tests.support.examples import examples
from tests.support.in_memory_worker import InMemoryPartition, Message, run
from tests.support.sim_oracle import expected_outcome
from tests.support.strategies import windowed_models, windowed_streams

# More than the longest window and the latest tick of a stream together.
MOST_DAYS = 2_500
_cuts = st.sets(st.integers(1, 60))


def _changes(worker: InMemoryPartition) -> list[tuple[Any, ...]]:
    return [
        (
            *(row.customer_id, row.sequence, row.from_segment, row.to_segment, row.cause, row.effective_at),
            *(row.recency_days, row.frequency, row.gross, row.returned, row.model_version, row.transaction_id),
        )
        for row in sorted(worker.changes, key=lambda row: (row.customer_id, row.sequence))
    ]


@given(st.none() | windowed_models(), windowed_streams(), _cuts)
@settings(max_examples=examples(300))
def test_the_worker_finds_the_changes_that_the_definition_of_a_window_gives(
    model: SegmentModel | None, messages: list[Message], cuts: set[int]
) -> None:
    expected = expected_outcome(model, messages, MOST_DAYS)
    (worker,) = run(model, messages, cuts=cuts)
    assert _changes(worker) == [tuple(change) for change in expected.changes]
    for profile in expected.profiles:
        stored = worker.profiles[profile.customer]
        totals = ("frequency", "gross", "returned", "last_event_at", "segment", "sequence", "model_version")
        assert [stored[name] for name in totals] == [getattr(profile, name) for name in totals]
        if profile.next_change_at is None:
            assert stored["next_change_at"] == NEVER or _days_ahead(worker, stored["next_change_at"]) > 400
        else:
            assert (stored["next_change_at"], stored["next_segment"]) == profile[-2:]


def _days_ahead(worker: InMemoryPartition, moment: int) -> int:
    return (moment - worker.progress.watermark) // MICROS_PER_DAY


def test_the_streams_of_these_tests_have_every_cause() -> None:
    seen: set[str] = set()

    @given(st.none() | windowed_models(), windowed_streams())
    @settings(max_examples=100, derandomize=True, database=None)
    def look(model: SegmentModel | None, messages: list[Message]) -> None:
        seen.update(row.cause for row in run(model, messages)[0].changes)

    look()
    causes = {"first_purchase", "purchase", "return", "decay", "model", "first_model", "revision", "expiry"}
    assert seen == causes
