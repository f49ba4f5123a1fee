"""The worker's core against an oracle without closed forms or batches, on two years of retail data."""

from datetime import UTC, datetime
from typing import Any

import pytest

from batch.fit import fit
from batch.pipeline import sklearn_pipeline
from batch.profiles import profiles_as_of
from data.contract.change_row import ChangeRow
from data.contract.wire import ModelActivation, Tick
from models.segment_model import SegmentModel
from models.units import from_micros
from tests.support.in_memory_worker import Message, outcome, run
from tests.support.oracle import Answer, histories
from tests.support.retail import retail

pytestmark = pytest.mark.slow

CUSTOMERS = 600
CUTOFF = datetime(2010, 12, 1, tzinfo=UTC)


def _answer(row: ChangeRow, model: SegmentModel) -> Answer:
    before = None if row.from_segment is None else model.index[row.from_segment]
    moment = from_micros(row.effective_at)
    return Answer(row.customer_id, before, model.index[row.to_segment], row.cause, moment)


@pytest.mark.parametrize("how", [{}, {"recency_unit": 60.0, "rank_order": True}], ids=["plain", "as segue fit"])
def test_the_processor_finds_the_changes_that_scikit_learn_finds_day_by_day(how: dict[str, Any]) -> None:
    data = retail()
    model = fit(profiles_as_of(data.transactions, CUTOFF), **how).model
    chosen = sorted(data.transactions["customer_id"].unique())[:: max(data.report.customers // CUSTOMERS, 1)]
    transactions = data.transactions[data.transactions["customer_id"].isin(chosen)]
    expected = histories(transactions, sklearn_pipeline(model), data.report.last)

    kept = set(transactions.index)
    messages = [m for row, m in enumerate(data.wire_transactions()) if row in kept]
    _, changes = outcome(run(model, [*messages, Tick(data.report.last)], partitions=3, cuts=range(0, 9_999, 1_000)))
    found = [_answer(row, model) for _, row in sorted(changes.items())]
    assert len(chosen) >= 300
    assert {answer.cause for answer in expected} == {"first_purchase", "purchase", "return", "decay"}
    assert found == expected


def test_a_first_model_in_the_middle_finds_the_segments_that_scikit_learn_finds_from_there_on() -> None:
    data = retail()
    model = fit(profiles_as_of(data.transactions, CUTOFF)).model
    chosen = sorted(data.transactions["customer_id"].unique())[:: max(data.report.customers // CUSTOMERS, 1)]
    transactions = data.transactions[data.transactions["customer_id"].isin(chosen)]
    answers = histories(transactions, sklearn_pipeline(model), data.report.last)

    kept = set(transactions.index)
    sent = [message for row, message in enumerate(data.wire_transactions()) if row in kept]
    before = [message for message in sent if message.occurred_at <= CUTOFF]
    end = Tick(data.report.last)
    messages: list[Message] = [*before, Tick(CUTOFF), ModelActivation(model), *sent[len(before) :], end]
    _, changes = outcome(run(None, messages, partitions=3, cuts=range(0, 9_999, 1_000)))
    found = [_answer(row, model) for _, row in sorted(changes.items())]

    at_cutoff = {answer.customer: answer.to_segment for answer in answers if answer.effective_at <= CUTOFF}
    first = [answer for answer in found if answer.cause == "first_model"]
    assert len(first) >= 200
    assert {answer.customer: answer.to_segment for answer in first} == at_cutoff
    assert {(answer.from_segment, answer.effective_at) for answer in first} == {(None, CUTOFF)}
    later = [answer for answer in found if answer.cause != "first_model"]
    assert later == [answer for answer in answers if answer.effective_at > CUTOFF]
