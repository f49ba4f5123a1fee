"""The processor against an oracle without closed forms or batches, on two years of retail data."""

from datetime import UTC, datetime

from batch.fit import fit
from batch.pipeline import sklearn_pipeline
from batch.profiles import profiles_as_of
from data.contract.wire import Tick
from models.units import from_micros
from tests.support.oracle import Answer, histories
from tests.support.retail import retail
from tests.support.world import outcome, run

CUSTOMERS = 600
CUTOFF = datetime(2010, 12, 1, tzinfo=UTC)


def test_the_processor_finds_the_changes_that_scikit_learn_finds_day_by_day() -> None:
    data = retail()
    model = fit(profiles_as_of(data.transactions, CUTOFF)).model
    chosen = sorted(data.transactions["customer_id"].unique())[:: max(data.report.customers // CUSTOMERS, 1)]
    transactions = data.transactions[data.transactions["customer_id"].isin(chosen)]
    expected = histories(transactions, sklearn_pipeline(model), data.report.last)

    kept = set(transactions.index)
    messages = [m for row, m in enumerate(data.wire_transactions()) if row in kept]
    _, changes = outcome(run(model, [*messages, Tick(data.report.last)], partitions=3, cuts=range(0, 9_999, 1_000)))
    found = [
        Answer(
            row.customer_id,
            None if row.from_segment is None else model.index[row.from_segment],
            model.index[row.to_segment],
            row.cause,
            from_micros(row.effective_at),
        )
        for _, row in sorted(changes.items())
    ]
    assert len(chosen) >= 300
    assert {answer.cause for answer in expected} == {"first_purchase", "purchase", "return", "decay"}
    assert found == expected
