"""A model's whole history is what the worker publishes under it, and what scikit-learn finds day by day."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from batch.pipeline import sklearn_pipeline
from data.contract.wire import Tick, Transaction
from models.segment_model import SegmentModel
from models.trailing_window import with_window
from models.units import from_micros, to_micros, to_money_units
from stream_app.core.columns import NO_RECORD, Cause
from stream_app.core.whole_history import Orders, whole_history
from tests.support.builders import START, random_model, recency_model, transaction
from tests.support.in_memory_worker import Message, outcome, run
from tests.support.oracle import Answer, histories
from tests.support.processed_stream import NOW, messages

SENT = messages(40)
MODELS = [random_model("log1p", 5, 1, 60.0), random_model("log1p", 3, 7), random_model("identity", 4, 37)]
WINDOWED = with_window(MODELS[0], 100)


def changes(model: SegmentModel, sent: list[Transaction], until: int) -> list[dict[str, Any]]:
    """The whole history as rows with the fields of a published change."""
    customer_id = sorted({each.customer_id for each in sent})
    orders = Orders(
        np.array([customer_id.index(each.customer_id) for each in sent], dtype=np.int64),
        np.array([to_micros(each.occurred_at) for each in sent], dtype=np.int64),
        [each.kind for each in sent],
        np.array([to_money_units(Decimal(each.amount)) for each in sent], dtype=np.int64),
    )
    found = whole_history(model, customer_id, orders, until)
    ids = [*(segment.id for segment in model.segments), None]
    rows = []
    for row in range(len(found)):
        values = {name: getattr(found, name)[row].item() for name in found.__dataclass_fields__}
        record = values.pop("record")
        rows.append(
            values
            | {
                "customer_id": customer_id[values.pop("customer")],
                "from_segment": ids[values["from_segment"]],
                "to_segment": ids[values["to_segment"]],
                "cause": Cause(values["cause"]).word,
                "transaction_id": None if record == NO_RECORD else sent[record].transaction_id,
            }
        )
    return rows


@pytest.mark.parametrize("model", [*MODELS, WINDOWED], ids=["in units of 60 days", "log1p", "identity", "windowed"])
def test_it_is_what_a_worker_publishes_that_has_had_the_model_from_the_beginning(model: SegmentModel) -> None:
    sent: list[Message] = []
    for number, each in enumerate(SENT):
        sent += [Tick(each.occurred_at), each] if number % 7 == 0 else [each]
    _, published = outcome(run(model, [*sent, Tick(NOW)], partitions=2, cuts=range(0, 999, 50)))
    expected = [row._asdict() for _, row in sorted(published.items())]
    for row in expected:
        del row["position"], row["model_version"]
    found = changes(model, SENT, to_micros(NOW))
    by_time = {"decay"} if model.window_days is None else {"decay", "expiry"}
    assert {row["cause"] for row in found} == {"first_purchase", "purchase", "return"} | by_time
    assert found == expected


@pytest.mark.parametrize("model", MODELS, ids=["in units of 60 days", "log1p", "identity"])
def test_it_is_what_scikit_learn_finds_day_by_day(model: SegmentModel) -> None:
    orders = pd.DataFrame(
        {
            "customer_id": [each.customer_id for each in SENT],
            "occurred_at": pd.to_datetime([each.occurred_at for each in SENT], utc=True),
            "kind": [each.kind for each in SENT],
            "amount_units": [to_money_units(Decimal(each.amount)) for each in SENT],
        }
    )
    found = [
        Answer(
            row["customer_id"],
            None if row["from_segment"] is None else model.index[row["from_segment"]],
            model.index[row["to_segment"]],
            row["cause"],
            from_micros(row["effective_at"]),
        )
        for row in changes(model, SENT, to_micros(NOW))
    ]
    assert found == histories(orders, sklearn_pipeline(model), NOW)


def test_decay_after_the_moment_is_left_out_and_decay_at_it_is_not() -> None:
    def causes(days: float) -> list[str]:
        until = to_micros(START + timedelta(days=days))
        return [row["cause"] for row in changes(recency_model(), [transaction(1, 0)], until)]

    assert causes(10.999) == ["first_purchase"]
    assert causes(11) == ["first_purchase", "decay"]


def test_customers_without_a_sale_have_no_history() -> None:
    assert changes(recency_model(), [transaction(1, 0, "return")], to_micros(START + timedelta(days=100))) == []
