"""The changes of risk state that a loop over orders computes, against changes that are written down by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from batch.risk_history import PastRiskChange, expected_risk_changes
from data.contract.wire import Tick, Transaction
from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import risk_moments
from models.units import MICROS_PER_DAY, to_micros
from tests.support.in_memory_worker import Message, risk_outcome, run
from tests.support.processed_stream import NOW, START, messages
from tests.support.rhythm import a_predicting_model, a_rhythm

BEGIN = to_micros(datetime(2010, 1, 4, 8, tzinfo=UTC))
MODEL = a_rhythm()


def day(number: float) -> int:
    return BEGIN + round(number * MICROS_PER_DAY)


def changes(until: float, **orders: list[float]) -> pd.DataFrame:
    rows = [
        {"customer_id": customer, "transaction_id": f"{customer}{number}", "moment": day(at)}
        for customer, days in orders.items()
        for number, at in enumerate(days, start=1)
    ]
    log = pd.DataFrame(rows).sort_values("moment", kind="stable")
    return expected_risk_changes(log, pd.Series(day(until), pd.Index(list(orders))), MODEL)


def moments(first: float, last: float, orders: int) -> list[int]:
    history = Histories(np.array([day(first)]), np.array([day(last)]), np.array([orders]))
    return [int(moment[0]) for moment in risk_moments(MODEL, history)]


def test_a_customer_who_stays_silent_goes_through_every_state_once() -> None:
    found = changes(10_000, c=[0])
    due, overdue, lost = moments(0, 0, 1)
    assert found[["sequence", "from_state", "to_state", "cause", "effective_at"]].to_numpy().tolist() == [
        [1, None, "on_rhythm", "first_purchase", day(0)],
        [2, "on_rhythm", "due", "silence", due],
        *([[3, "due", "overdue", "silence", overdue]] if overdue < lost else []),
        [4 if overdue < lost else 3, "overdue" if overdue < lost else "due", "presumed_lost", "silence", lost],
    ]
    assert found["next_at"].tolist() == [*found["effective_at"].tolist()[1:], None]
    assert found["next_state"].tolist() == [*found["to_state"].tolist()[1:], None]
    assert found["transaction_id"].tolist() == ["c1", *[None] * (len(found) - 1)]


def test_an_order_in_time_changes_nothing_and_a_later_one_brings_the_customer_back() -> None:
    due = moments(0, 10, 2)[0]
    late = (due - BEGIN) / MICROS_PER_DAY + 1
    found = changes(late + 2, c=[0, 10, late], d=[0])
    own = found[found["customer_id"] == "c"]
    assert own[["to_state", "cause", "effective_at", "frequency", "last_purchase_at"]].to_numpy().tolist() == [
        ["on_rhythm", "first_purchase", day(0), 1, day(0)],
        ["due", "silence", due, 2, day(10)],
        ["on_rhythm", "purchase", day(late), 3, day(late)],
    ]
    assert own["transaction_id"].tolist() == ["c1", None, "c3"]
    assert (found["customer_id"] == "d").any()


def test_a_moment_is_reached_by_the_watermark_that_equals_it_and_by_none_before_it() -> None:
    due = moments(0, 0, 1)[0]
    orders = pd.DataFrame({"customer_id": ["c"], "transaction_id": ["t"], "moment": [day(0)]})
    for until, expected in ((due - 1, ["on_rhythm"]), (due, ["on_rhythm", "due"])):
        found = expected_risk_changes(orders, pd.Series(until, pd.Index(["c"])), MODEL)
        assert found["to_state"].tolist() == expected


def test_an_order_at_the_very_moment_of_a_change_comes_after_the_change() -> None:
    due = moments(0, 0, 1)[0]
    found = changes((due - BEGIN) / MICROS_PER_DAY, c=[0, (due - BEGIN) / MICROS_PER_DAY])
    assert found["to_state"].tolist() == ["on_rhythm", "due", "on_rhythm"]
    assert found["effective_at"].tolist() == [day(0), due, due]


@pytest.mark.parametrize(("days", "partitions"), [(1, 1), (30, 2), (1_000, 3)])
def test_the_worker_makes_the_same_changes_however_often_ticks_come(days: int, partitions: int) -> None:
    sent = messages(60, seed=days)
    worlds = run(a_predicting_model(), with_ticks(sent, timedelta(days=days)), partitions, cuts=range(0, 400, 37))
    sales = [each for each in sent if each.kind == "sale"]
    log = pd.DataFrame(
        {
            "customer_id": [each.customer_id for each in sales],
            "transaction_id": [each.transaction_id for each in sales],
            "moment": [to_micros(each.occurred_at) for each in sales],
        }
    )
    until = pd.Series(to_micros(NOW), pd.Index(log["customer_id"].unique()))
    expected = expected_risk_changes(log, until, MODEL)
    _, changes = risk_outcome(worlds)
    made = {tuple(getattr(row, name) for name in PastRiskChange._fields) for row in changes.values()}
    assert len(made) > 300
    assert made == {*expected.itertuples(index=False, name=None)}


def with_ticks(sent: list[Transaction], every: timedelta) -> list[Message]:
    """Transactions with a tick after each period, and one at the end."""
    found: list[Message] = []
    tick = START
    for each in sent:
        while each.occurred_at > tick:
            found.append(Tick(tick))
            tick += every
        found.append(each)
    return [*found, Tick(NOW)]
