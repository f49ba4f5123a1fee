"""Reconcile the risk states of a small stream; then reconcile them after each of many defects."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from batch.ledger import watermarks
from batch.reconcile_risk import reconcile_risk
from data.postgres.frames import MOMENT
from data.postgres.stream_state import StreamState
from models.rhythm.carried import carrying
from models.rhythm.histories import Histories
from models.rhythm.rhythm_model import RhythmModel, risk_moments
from models.rhythm.risk import RISK_STATES, following, risk_state
from models.rhythm.seasonal_clock import NEVER
from models.units import from_micros, to_micros
from tests.support.generated_tables import a_model
from tests.support.rhythm import a_rhythm

BEGIN = datetime(2010, 1, 4, 8, tzinfo=UTC)
DAY = timedelta(days=1)
EVENT_TIMES = [BEGIN + 400 * DAY, BEGIN + 350 * DAY]
RHYTHM = a_rhythm()
MODEL = carrying(a_model(), RHYTHM)
MODELS = {MODEL.version: MODEL}
#: The customers' first and last orders, in days, and how many orders there are.
ORDERS = {
    "a": (10.0, 395.0, 40),
    "b": (3.2, 330.0, 9),
    "c": (0.5, 90.7, 5),
    "d": (200.1, 200.1, 1),
    "e": (20.0, 349.9, 60),
    "f": (5.0, 6.0, 2),
    "i": (20.0, 330.0, 60),
}
NEVER_BOUGHT = "g"


def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    for name in frame:
        if str(name).endswith("_at") or name in ("since", "event_time"):
            frame[name] = pd.to_datetime(frame[name], utc=True).astype(MOMENT)
    return frame


def totals() -> pd.DataFrame:
    """What pandas counts: one customer never bought, and one had a return after the watermark."""
    rows = [
        {
            "customer_id": customer,
            "frequency": orders,
            "first_purchase_at": BEGIN + first * DAY,
            "last_purchase_at": BEGIN + last * DAY,
            "last_event_at": BEGIN + (last + (60 if customer == "c" else 0)) * DAY,
        }
        for customer, (first, last, orders) in ORDERS.items()
    ]
    rows.append({"customer_id": NEVER_BOUGHT, "frequency": 0, "last_event_at": BEGIN + 7 * DAY})
    return table(rows).set_index("customer_id")


TOTALS = totals()


def partition_of(customer: str) -> int:
    return ord(customer) % 2


def entered(customer: str, rhythm: RhythmModel) -> dict[str, Any]:
    """The stored state of a customer, from the closed form."""
    row = TOTALS.loc[customer].to_dict()
    first, last = (np.array([to_micros(row[name])]) for name in ("first_purchase_at", "last_purchase_at"))
    moments = risk_moments(rhythm, Histories(first, last, np.array([int(row["frequency"])])))
    now = to_micros(max(EVENT_TIMES[partition_of(customer)], row["last_event_at"]))
    next_at = int(following(moments, np.array([now])).at[0])
    number = int(risk_state(moments, now)[0])
    return {
        "customer_id": customer,
        "partition": partition_of(customer),
        "state": RISK_STATES[number],
        "since": BEGIN + DAY * (number + 1),
        "sequence": number + 1,
        "next_at": None if next_at == NEVER else from_micros(next_at),
        "rhythm_version": rhythm.version,
    }


def streamed(rhythm: RhythmModel = RHYTHM) -> StreamState:
    states = [entered(customer, rhythm) for customer in ORDERS]
    changes = [
        {
            "customer_id": state["customer_id"],
            "sequence": number + 1,
            "partition": state["partition"],
            "from_state": None if number == 0 else RISK_STATES[number - 1],
            "to_state": RISK_STATES[number],
            "effective_at": BEGIN + DAY * (number + 1),
        }
        for state in states
        for number in range(state["sequence"])
    ]
    nothing = pd.DataFrame(columns=["customer_id"])
    return StreamState(
        customers=table([{"customer_id": each, "partition": partition_of(each)} for each in TOTALS.index]),
        transactions=nothing,
        changes=nothing,
        progress=table(
            [
                {"partition": number, "event_time": moment, "model_version": MODEL.version}
                for number, moment in enumerate(EVENT_TIMES)
            ]
        ),
        risk_states=table(states),
        risk_changes=table(changes),
    )


def found(stream: StreamState, models: dict[str, Any] = MODELS) -> pd.DataFrame:
    return pd.concat(reconcile_risk(TOTALS, watermarks(stream), stream, models), ignore_index=True)


RIGHT = streamed()
STATES = list(RIGHT.risk_states["customer_id"])


def test_a_correct_stream_has_no_differences() -> None:
    assert set(RIGHT.risk_states["state"]) == set(RISK_STATES)
    assert 0 < RIGHT.risk_states["next_at"].count() < len(RIGHT.risk_states)
    assert found(RIGHT).to_dict("records") == []


Break = Callable[[StreamState], StreamState]


def changed(part: str, row: int, **values: Any) -> Break:
    """A defect: other values in one row of one table."""

    def apply(stream: StreamState) -> StreamState:
        frame = getattr(stream, part).copy()
        for name, value in values.items():
            frame.loc[frame.index[row], name] = value
        return replace(stream, **{part: frame})

    return apply


def lost(part: str, row: int) -> Break:
    """A defect: a missing row of one table."""
    return lambda stream: replace(stream, **{part: getattr(stream, part).drop(getattr(stream, part).index[row])})


def of(state: str) -> int:
    return list(RIGHT.risk_states["state"]).index(state)


DUE = of("due")
LONGEST = RIGHT.risk_changes.index[RIGHT.risk_changes["sequence"] == 3][0]
NEXT_AT = RIGHT.risk_states["next_at"].iloc[DUE]


@pytest.mark.parametrize(
    ("break_it", "expected"),
    [
        (changed("risk_states", DUE, state="on_rhythm"), {("risk", "state"), ("risk history", "state")}),
        (changed("risk_states", DUE, state=None), {("risk", "state"), ("risk history", "state")}),
        (changed("risk_states", DUE, next_at=None), {("risk", "next_at")}),
        (changed("risk_states", DUE, next_at=NEXT_AT + pd.Timedelta("1us")), {("risk", "next_at")}),
        (changed("risk_states", of("presumed_lost"), next_at=NEXT_AT), {("risk", "next_at")}),
        (changed("risk_states", DUE, since=pd.Timestamp(BEGIN)), {("risk history", "since")}),
        (changed("risk_states", DUE, sequence=9), {("risk history", "sequence")}),
        (changed("risk_states", DUE, partition=7), {("risk", "partition")}),
        (lost("risk_states", DUE), {("risk", "rhythm_version"), ("risk history", "row")}),
        (changed("risk_changes", LONGEST, from_state="on_rhythm"), {("risk history", "from_state")}),
        (changed("risk_changes", LONGEST, sequence=9), {("risk history", "sequence")}),
        (lost("risk_changes", LONGEST - 1), {("risk history", "sequence"), ("risk history", "from_state")}),
    ],
)  # fmt: skip
def test_every_defect_is_reported_and_nothing_else(break_it: Break, expected: set[tuple[str, str]]) -> None:
    differences = found(break_it(RIGHT))
    assert expected <= set(zip(differences["what"], differences["field"], strict=True))
    assert set(differences["what"]) == {what for what, _ in expected}
    assert differences["customer_id"].nunique() == 1


def test_a_change_to_the_same_state_is_reported() -> None:
    differences = found(changed("risk_changes", LONGEST, from_state="overdue", to_state="overdue")(RIGHT))
    assert {"to_state", "from_state"} <= set(differences["field"])


def test_customers_who_wait_for_a_new_rhythm_model_differ_in_its_version_only() -> None:
    other = a_rhythm(lost_below=0.3)
    for known in (MODELS, {**MODELS, "before": carrying(a_model(), other)}):
        differences = found(streamed(other), known)
        assert set(differences["field"]) == {"rhythm_version"}
        assert list(differences["customer_id"]) == STATES
        assert set(differences["expected"]) == {RHYTHM.version}


def test_customers_who_are_in_no_risk_state_yet_are_missing_if_they_have_bought() -> None:
    stream = replace(RIGHT, risk_states=RIGHT.risk_states[:0], risk_changes=RIGHT.risk_changes[:0])
    differences = found(stream)
    assert list(differences["customer_id"]) == STATES
    assert set(differences["actual"]) == {"missing"}


def test_no_customer_is_in_a_risk_state_without_predictions() -> None:
    plain = {MODEL.version: a_model()}
    nobody = replace(RIGHT, risk_states=RIGHT.risk_states[:0], risk_changes=RIGHT.risk_changes[:0])
    assert found(nobody, plain).to_dict("records") == []
    assert set(found(RIGHT, plain)["field"]) == {"rhythm_version"}
