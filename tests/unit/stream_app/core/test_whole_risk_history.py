"""The whole history of risk states is what a worker publishes under one rhythm model, and what the definition says."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.risk_history import expected_risk_changes
from data.contract.risk_row import RiskRow
from data.contract.wire import Tick, Transaction
from models.decay import NEVER
from models.rhythm.carried import carrying
from models.rhythm.rhythm_model import RhythmModel
from models.rhythm.risk import RISK_STATES
from models.units import from_micros, to_micros, to_money_units
from stream_app.core.columns import NO_RECORD
from stream_app.core.risk_columns import RiskCause
from stream_app.core.whole_history import Orders
from stream_app.core.whole_risk_history import whole_risk_history
from tests.support.builders import recency_model
from tests.support.examples import examples
from tests.support.in_memory_worker import Message, risk_outcome, run
from tests.support.processed_stream import NOW, messages
from tests.support.rhythm import a_rhythm
from tests.support.strategies import rhythm_models, streams

_STATES = [*RISK_STATES, None]


def changes(rhythm: RhythmModel, sent: list[Transaction], until: int) -> dict[tuple[str, int], RiskRow]:
    """The whole history as rows without positions, by customer and sequence."""
    customer_id = sorted({each.customer_id for each in sent})
    orders = Orders(
        np.array([customer_id.index(each.customer_id) for each in sent], dtype=np.int64),
        np.array([to_micros(each.occurred_at) for each in sent], dtype=np.int64),
        [each.kind for each in sent],
        np.array([to_money_units(Decimal(each.amount)) for each in sent], dtype=np.int64),
    )
    found = whole_risk_history(rhythm, customer_id, orders, until)
    rows = {}
    for row in range(len(found)):
        own = {name: getattr(found, name)[row].item() for name in found.__dataclass_fields__}
        customer, record, next_at = customer_id[own["customer"]], own["record"], own["next_at"]
        rows[customer, own["sequence"]] = RiskRow(
            0,
            customer,
            own["sequence"],
            _STATES[own["from_state"]],
            _STATES[own["to_state"]],
            list(RiskCause)[own["cause"]].word,
            own["effective_at"],
            own["frequency"],
            own["last_purchase_at"],
            _STATES[own["next_state"]],
            None if next_at == NEVER else next_at,
            rhythm.version,
            None if record == NO_RECORD else sent[record].transaction_id,
        )
    return rows


def _in_time(stream: list[Message]) -> list[Transaction]:
    """The transactions of a stream, each once and none late: sorted by time."""
    once = {(each.customer_id, each.transaction_id): each for each in stream if isinstance(each, Transaction)}
    return sorted(once.values(), key=lambda each: each.occurred_at)


@given(rhythm_models(), streams(), st.integers(0, 1_500))
@settings(max_examples=examples(150))
def test_it_is_what_a_worker_publishes_that_has_had_the_model_from_the_beginning(
    rhythm: RhythmModel, stream: list[Message], silent_days: int
) -> None:
    sent = _in_time(stream)
    last = max((to_micros(each.occurred_at) for each in sent), default=0)
    until = last + silent_days * 86_400_000_000
    ticked: list[Message] = []
    for number, each in enumerate(sent):
        ticked += [Tick(each.occurred_at), each] if number % 3 == 0 else [each]
    model = carrying(recency_model(), rhythm)
    published = risk_outcome(run(model, [*ticked, Tick(from_micros(until))]))[1]
    assert changes(rhythm, sent, until) == published


def test_it_is_what_the_definition_gives_order_by_order() -> None:
    rhythm, until = a_rhythm(), to_micros(NOW)
    sent = messages(80)
    found = changes(rhythm, sent, until)
    orders = pd.DataFrame(
        [
            {
                "customer_id": each.customer_id,
                "transaction_id": each.transaction_id,
                "moment": to_micros(each.occurred_at),
            }
            for each in sent
            if each.kind == "sale"
        ]
    )
    everybody = pd.Series(until, pd.Index(sorted(set(orders["customer_id"]))))
    expected = expected_risk_changes(orders, everybody, rhythm)
    names = list(expected.columns)
    assert [tuple(getattr(found[key], name) for name in names) for key in sorted(found)] == [
        tuple(row) for row in expected.sort_values(["customer_id", "sequence"]).itertuples(index=False)
    ]
    assert {row.to_state for row in found.values()} == {*RISK_STATES}
    assert len(found) > 200


@given(rhythm_models(), streams(), st.integers(1, 4))
@settings(max_examples=examples(50))
def test_other_customers_change_nothing(rhythm: RhythmModel, stream: list[Message], share: int) -> None:
    sent = _in_time(stream)
    until = max((to_micros(each.occurred_at) for each in sent), default=0)
    together: dict[Any, RiskRow] = {}
    for rest in range(share):
        together |= changes(rhythm, [each for each in sent if sum(map(ord, each.customer_id)) % share == rest], until)
    assert together == changes(rhythm, sent, until)


def test_without_a_sale_there_is_none() -> None:
    returned = [each for each in messages(60) if each.kind == "return"]
    assert changes(a_rhythm(), returned, to_micros(NOW)) == {}
