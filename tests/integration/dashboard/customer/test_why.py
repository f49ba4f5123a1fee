"""The customer page says why a customer is in a segment; the smallest orders that it names are those that suffice."""

import re
from decimal import Decimal

import numpy as np
import pytest
from sqlalchemy import Engine, text

from dashboard.customer.page import read
from dashboard.customer.why import SegmentReason
from dashboard.shared import style
from dashboard.shared.personas import is_climb
from dashboard.shared.reading import reading
from models.scoring import assign, monetary_value
from models.segment_model import SegmentModel
from models.units import to_money_units
from tests.support.money import POUNDS
from tests.support.pages import a_page, html, words
from tests.support.processed_stream import NOW, Lived


def why_of(engine: Engine, model: SegmentModel, customer: str) -> SegmentReason:
    with reading(engine) as connection:
        found = read(connection, model, NOW, customer, POUNDS)
    assert found is not None
    return found.why


def segment_after(model: SegmentModel, row: dict[str, object], amount: Decimal) -> str:
    """The segment right after one more purchase, by the scorer alone."""
    gross, returned = (to_money_units(Decimal(str(row[name]))) for name in ("gross", "returned"))
    spent = monetary_value(model, np.array([gross + to_money_units(amount)]), np.array([returned]))
    number = assign(model, np.array([0]), np.array([int(str(row["frequency"])) + 1]), spent)
    return model.segments[int(number[0])].id


def test_the_smallest_order_reaches_a_better_segment_and_one_penny_less_does_not(
    engine: Engine, processed: Lived, model: SegmentModel
) -> None:
    reached = 0
    for row in processed.customers:
        found = why_of(engine, model, row["customer_id"])
        for goal in found.goals:
            assert segment_after(model, row, goal.amount) == goal.segment
            assert row["segment"] is None or is_climb(row["segment"], goal.segment)
            if not goal.is_any:
                assert segment_after(model, row, goal.amount - Decimal("0.01")) != goal.segment
                reached += 1
        assert found.smallest is not None
        assert segment_after(model, row, Decimal("0.01")) == found.smallest.segment
    assert reached > 10


def test_the_orders_behind_the_numbers_are_named(
    database_url: str, engine: Engine, processed: Lived, model: SegmentModel
) -> None:
    for row in [each for each in processed.customers if each["segment"]][::7]:
        shown = words(a_page("customer", database_url, customer=row["customer_id"]).run())
        own = [each for each in processed.transactions if each["customer_id"] == row["customer_id"]]
        sales = sorted((each for each in own if each["kind"] == "sale"), key=lambda each: each["occurred_at"])
        last = sales[-1]
        assert f"the last order was {last['transaction_id']} of {style.date(last['occurred_at'])}" in shown
        assert f"({POUNDS.exact(Decimal(last['amount']))})" in shown
        assert f"{len(sales)} purchase" in shown
        assert (f"{POUNDS.exact(row['gross'])} bought, less {POUNDS.exact(row['returned'])} returned" in shown) == bool(
            row["returned"]
        )
        largest = max(sales, key=lambda each: Decimal(each["amount"]))
        assert re.search(f"The largest orders?: {largest['transaction_id']} of", shown)


def test_sentences_name_the_amount_the_segment_and_the_day(
    database_url: str, engine: Engine, processed: Lived, model: SegmentModel
) -> None:
    names = {segment.id: segment.name for segment in model.segments}
    said = set()
    for row in processed.customers:
        found = why_of(engine, model, row["customer_id"])
        goal = next(iter(found.goals), None)
        if goal is None or goal.is_any in said:
            continue
        said.add(goal.is_any)
        shown = words(a_page("customer", database_url, customer=row["customer_id"]).run())
        least = "An order of any amount" if goal.is_any else f"An order of at least {POUNDS.exact(goal.amount)}"
        assert f"{least} makes them {names[goal.segment]}; without another one they stay there for" in shown
        if row["next_change_at"] is not None and row["segment"]:
            day = style.stamp(row["next_change_at"])
            assert f"Before {day} it prevents the move to {names[row['next_segment']]}" in shown
    assert said == {True, False}


def test_a_customer_who_is_not_scored_by_the_champion_yet_gets_no_amounts(
    database_url: str, engine: Engine, processed: Lived
) -> None:
    row = next(each for each in processed.customers if each["segment"])
    with engine.begin() as connection:
        connection.execute(text("UPDATE customers SET model_version = NULL"))
    shown = words(a_page("customer", database_url, customer=row["customer_id"]).run())
    assert "is known once they are scored by the champion" in shown
    assert "makes them" not in shown


@pytest.mark.parametrize("order", ["<b>x</b>", "a\u202eb"])
def test_an_id_of_an_order_is_text(database_url: str, engine: Engine, processed: Lived, order: str) -> None:
    row = next(each for each in processed.customers if each["frequency"] == 1)
    with engine.begin() as connection:
        rename = "UPDATE transactions SET transaction_id = :order WHERE customer_id = :customer AND kind = 'sale'"
        connection.execute(text(rename), {"order": order, "customer": row["customer_id"]})
    assert order not in html(a_page("customer", database_url, customer=row["customer_id"]).run())
