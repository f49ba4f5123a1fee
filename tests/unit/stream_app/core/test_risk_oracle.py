"""The worker's risk states against an oracle that searches every moment by bisection, one customer after another."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract.risk_row import RiskRow
from models.rhythm.risk import RISK_STATES
from models.segment_model import SegmentModel
from tests.support.examples import examples
from tests.support.in_memory_worker import Message, risk_outcome, run
from tests.support.sim_oracle import expected_outcome
from tests.support.strategies import predicted_streams, predicting_models

_cuts = st.sets(st.integers(1, 60))


def _in_order(rows: dict[tuple[str, int], RiskRow]) -> list[tuple[Any, ...]]:
    return [rows[key][1:] for key in sorted(rows)]


@given(st.none() | predicting_models(), predicted_streams(), _cuts)
@settings(max_examples=examples(300))
def test_the_worker_finds_the_risk_changes_that_the_definition_gives(
    model: SegmentModel | None, messages: list[Message], cuts: set[int]
) -> None:
    expected = expected_outcome(model, messages)
    risks, changes = risk_outcome(run(model, messages, cuts=cuts))
    assert _in_order(changes) == [tuple(change) for change in expected.risk_changes]
    rows = [
        (customer, *(None if value == 2**63 - 1 else value for value in risks[customer].values()))
        for customer in sorted(risks)
    ]
    assert rows == [tuple(row) for row in expected.risks]


def test_the_streams_of_these_tests_have_every_state_and_every_cause() -> None:
    seen: set[str | None] = set()

    @given(predicting_models(), predicted_streams())
    @settings(max_examples=100, derandomize=True, database=None)
    def look(model: SegmentModel, messages: list[Message]) -> None:
        for row in risk_outcome(run(model, messages))[1].values():
            seen.update((row.to_state, row.cause))

    look()
    assert seen == {None, *RISK_STATES, "first_purchase", "purchase", "silence", "model", "revision"}
