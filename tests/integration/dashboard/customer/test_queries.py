"""The customer page's queries against a real Postgres; pandas and numpy on the same rows are the oracle."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from dashboard.customer import queries
from dashboard.customer.page import read
from dashboard.customer.queries import RfmPoint
from dashboard.shared.profiles import profile
from dashboard.shared.reading import reading
from models.segment_model import SegmentModel, build
from tests.support.money import POUNDS
from tests.support.processed_stream import NOW, Lived
from tests.support.stored_risks import store_predicted_risks

CUSTOMER = "12303"


def test_a_profile_is_the_row_of_the_table_and_an_unknown_customer_has_none(engine: Engine, processed: Lived) -> None:
    row = next(each for each in processed.customers if each["customer_id"] == CUSTOMER)
    with reading(engine) as connection:
        found = profile(connection, CUSTOMER)
        assert profile(connection, "unknown") is None
    assert found is not None
    assert {name: getattr(found, name) for name in row} == row


def test_the_ledger_and_the_changes_are_in_order(engine: Engine, processed: Lived) -> None:
    sent = [each for each in processed.transactions if each["customer_id"] == CUSTOMER]
    moved = [each for each in processed.changes if each["customer_id"] == CUSTOMER]
    with reading(engine) as connection:
        ledger, changes = queries.ledger(connection, CUSTOMER), queries.changes(connection, CUSTOMER)
    assert ledger["transaction_id"].tolist() == [each["transaction_id"] for each in sent]
    assert changes["sequence"].tolist() == [*range(1, len(moved) + 1)]
    assert changes["effective_at"].tolist() == [each["effective_at"] for each in moved]
    assert changes["from_segment"].iloc[0] == ""
    assert set(changes.loc[changes["cause"] == "decay", "transaction_id"]) <= {""}


@pytest.mark.parametrize(("transform", "unit"), [("log1p", 1.0), ("identity", 1.0), ("log1p", 60.0)])
def test_neighbours_are_the_nearest_in_the_space_of_the_model(
    engine: Engine, processed: Lived, model: SegmentModel, transform: str, unit: float
) -> None:
    scales = (1.0, 0.7, 1.3) if transform == "log1p" else (100.0, 5.0, 900.0)
    other = build("net", transform, model.means, scales, model.segments, recency_unit=unit)  # type: ignore[arg-type]
    people = processed.frame("customers")
    people = people[people["segment"].notna() & (people["customer_id"] != CUSTOMER)]
    recency = (pd.Timestamp(NOW) - pd.to_datetime(people["last_purchase_at"], utc=True)).dt.days
    worth = (people["gross"] - people["returned"]).clip(lower=0)
    raw = np.column_stack([column.astype("float64") for column in (recency / unit, people["frequency"], worth)])
    here = np.array([30.0 / unit, 6.0, 900.0])
    if transform == "log1p":
        raw, here = np.log1p(raw), np.log1p(here)
    distance = np.linalg.norm((raw - here) / scales, axis=1)
    order = np.argsort(distance)[:5]
    with reading(engine) as connection:
        found = queries.neighbours(connection, other, NOW, CUSTOMER, RfmPoint(30, 6, 900.0), 5)
    assert found["customer_id"].tolist() == people["customer_id"].iloc[order].tolist()
    assert found["distance"].tolist() == pytest.approx(distance[order])


def test_suggestions_share_as_much_of_the_beginning_as_any_id_does(engine: Engine, processed: Lived) -> None:
    with reading(engine) as connection:
        assert queries.suggestions(connection, "1231", 20) == [f"1231{last}" for last in range(10)]
        assert queries.suggestions(connection, "12315x", 5) == ["12315"]
        assert queries.suggestions(connection, "129", 3) == ["12300", "12301", "12302"]
        assert queries.suggestions(connection, "x", 2) == ["12300", "12301"]
        assert queries.suggestions(connection, "%", 1) == ["12300"]


def test_the_customers_who_moved_last_are_distinct(engine: Engine, processed: Lived) -> None:
    newest = sorted(processed.changes, key=lambda each: (-each["effective_at"].timestamp(), each["customer_id"]))
    expected = [*dict.fromkeys(each["customer_id"] for each in newest[:20])][:5]
    with reading(engine) as connection:
        assert queries.moved_last(connection, 5) == expected


def test_a_biography_agrees_with_the_last_change_of_the_stream(
    engine: Engine, processed: Lived, model: SegmentModel
) -> None:
    for row in processed.customers:
        with reading(engine) as connection:
            biography = read(connection, model, NOW, row["customer_id"], POUNDS)
        assert biography is not None
        who = biography.portrait
        assert (who.segment, who.next_change_at, who.next_segment) == (
            row["segment"],
            row["next_change_at"],
            row["next_segment"],
        )
        assert (who.recency_days is None) == (row["frequency"] == 0) == (who.segment is None)
        if row["frequency"]:
            assert biography.timeline.stays["segment"].iloc[-1] == row["segment"]
            assert biography.timeline.spend["frequency"].iloc[-1] == row["frequency"]
            assert biography.timeline.spend["monetary"].iloc[-1] == pytest.approx(who.monetary)
            assert biography.timeline.recency["days"].iloc[-1] // 1 == who.recency_days


def test_as_event_time_advances_only_recency_grows(engine: Engine, processed: Lived, model: SegmentModel) -> None:
    with reading(engine) as connection:
        now, later = (read(connection, model, at, CUSTOMER, POUNDS) for at in (NOW, NOW + timedelta(days=5)))
    assert now is not None
    assert later is not None
    assert later.portrait.recency_days == (now.portrait.recency_days or 0) + 5
    assert later.portrait.monetary == now.portrait.monetary


def test_the_newest_risk_changes_come_first_and_none_is_after_the_moment_that_is_asked_for(
    engine: Engine, processed: Lived
) -> None:
    stored = [each for each in store_predicted_risks(engine, processed) if each["customer_id"] == CUSTOMER]
    assert len(stored) > 3
    with reading(engine) as connection:
        found = queries.risks(connection, CUSTOMER)
        before = queries.risks(connection, CUSTOMER, stored[-2]["effective_at"])
        fewest = queries.risks(connection, CUSTOMER, limit=2)
    assert found["sequence"].tolist() == [each["sequence"] for each in reversed(stored)]
    assert found["to_state"].tolist() == [each["to_state"] for each in reversed(stored)]
    assert found["from_state"].iloc[-1] == ""
    assert set(found.loc[found["cause"] == "silence", "transaction_id"]) == {""}
    assert len(before) == len(stored) - 1
    assert len(fewest) == 2
