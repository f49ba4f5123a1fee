"""The customer page in each of its states, in Streamlit's test harness against a real Postgres."""

import re
from urllib.parse import quote

import pytest
from msgspec import to_builtins
from msgspec.structs import replace
from sqlalchemy import Engine, delete, insert, text, update
from streamlit.testing.v1 import AppTest

from dashboard.customer.queries import MOST_RISK_ROWS
from dashboard.shared import style
from dashboard.shared.rhythm_text import FORESEEABLE
from data.contract.wire import Tick
from data.postgres.tables import models, risk_changes
from models.segment_model import SegmentModel
from models.typical import METADATA_KEY, Typical, TypicalRange
from tests.support.money import POUNDS
from tests.support.pages import HOSTILE, a_page, html, words
from tests.support.processed_stream import NOW, Lived, lived, messages, store
from tests.support.rhythm import store_predictions
from tests.support.stored_risks import store_predicted_risks

CUSTOMER = "12303"


@pytest.fixture
def page(database_url: str) -> AppTest:
    """The page with a customer in its URL, not yet opened."""
    return a_page("customer", database_url, customer=CUSTOMER)


def test_the_url_chooses_the_customer(page: AppTest, processed: Lived) -> None:
    assert f'data-customer="{CUSTOMER}"' in html(page.run())
    assert page.text_input[0].value == CUSTOMER


def test_a_typed_number_goes_into_the_url(database_url: str, processed: Lived) -> None:
    page = a_page("customer", database_url).run()
    assert "Choose a customer" in words(page)
    page.text_input[0].set_value(f" {CUSTOMER} ").run()
    assert f'data-customer="{CUSTOMER}"' in html(page)


def test_the_header_has_the_profile_and_the_next_change(
    database_url: str, processed: Lived, model: SegmentModel
) -> None:
    names = {segment.id: segment.name for segment in model.segments}
    for row in processed.customers[::6]:
        shown = words(a_page("customer", database_url, customer=row["customer_id"]).run())
        if row["segment"] is None:
            assert "only returned goods" in shown
            continue
        assert f"{names[row['segment']]} since {style.stamp(row['segment_since'])}" in shown
        assert f"{row['frequency']:,}purchases" in shown
        assert POUNDS.exact(max(row["gross"] - row["returned"], 0)) in shown
        if row["next_change_at"] is None:
            assert "They never move by time alone" in shown
        elif row["next_change_at"] - NOW > FORESEEABLE:
            assert f"{names[row['next_segment']]}, but only beyond two years" in shown
        else:
            days = (row["next_change_at"] - NOW).days
            assert f"{names[row['next_segment']]} from {style.stamp(row['next_change_at'])}" in shown
            assert f"(in {days:,} day" in shown or days == 0


def test_a_customer_who_does_not_fit_the_segment_is_said_to_be_unusual(
    database_url: str, engine: Engine, processed: Lived, model: SegmentModel
) -> None:
    bought = sorted((row for row in processed.customers if row["segment"]), key=lambda row: row["last_purchase_at"])
    most = (NOW - bought[len(bought) // 2]["last_purchase_at"]).days
    typical = Typical(TypicalRange(0, 1, 5, most), TypicalRange(0, 2, 9, 1e9), TypicalRange(0, 2, 9, 1e9))
    described = {METADATA_KEY: {segment.id: to_builtins(typical) for segment in model.segments}}
    with engine.begin() as connection:
        connection.execute(update(models).values(spec=to_builtins(replace(model, metadata=described))))
    names = {segment.id: segment.name for segment in model.segments}
    for row in bought[:: len(bought) // 5]:
        name, days = names[row["segment"]], (NOW - row["last_purchase_at"]).days
        shown = words(a_page("customer", database_url, customer=row["customer_id"]).run())
        unusual = f"Unusual for {name}: silent for {days:,} days (99 in 100: at most {most:,})."
        assert (unusual in shown) == (days > most)
        assert f"Typical of {name}: eight in ten bought 1 to 5 days ago" in shown


def test_every_change_is_listed_with_its_cause_and_its_exact_moment(page: AppTest, processed: Lived) -> None:
    moved = [each for each in processed.changes if each["customer_id"] == CUSTOMER]
    listed = re.findall(r'<time datetime="(.*?)"', html(page.run()).replace("Z", "+00:00"))
    assert listed == [each["effective_at"].isoformat() for each in reversed(moved)]
    assert words(page).count("time alone") >= sum(each["cause"] == "decay" for each in moved) > 0


def test_similar_customers_link_to_their_pages(page: AppTest, processed: Lived) -> None:
    links = re.findall(r'href="customer\?customer=(\d+)"', html(page.run()))
    assert len(links) == 6
    assert CUSTOMER not in links
    assert set(links) <= {row["customer_id"] for row in processed.customers}


def test_an_unknown_number_gets_suggestions(database_url: str, processed: Lived) -> None:
    page = a_page("customer", database_url, customer="1230x").run()
    assert "No customer 1230x" in words(page)
    assert re.findall(r'href="customer\?customer=(\d+)"', html(page)) == [f"1230{last}" for last in range(8)]


def test_url_parameters_are_text(database_url: str, processed: Lived) -> None:
    for hostile in HOSTILE:
        page = a_page("customer", database_url, customer=hostile).run()
        assert "<script" not in html(page)
        assert "No customer" in words(page) or "Choose a customer" in words(page)


def test_an_odd_id_is_shown_and_linked_as_text(page: AppTest, processed: Lived, engine: Engine) -> None:
    odd = "<b>&%\"'/é"
    nearest = re.findall(r'href="customer\?customer=(\d+)"', html(page.run()))[0]
    with engine.begin() as connection:
        for table in ("customers", "transactions", "segment_changes"):
            statement = text(f"UPDATE {table} SET customer_id = :odd WHERE customer_id = :nearest")
            connection.execute(statement, {"odd": odd, "nearest": nearest})
    assert f'href="customer?customer={quote(odd, safe="")}"' in html(page.run())
    assert odd in words(page)
    page.text_input[0].set_value(odd).run()
    assert "<b>&%" not in html(page)
    assert odd in words(page)


def test_a_customer_is_compared_with_the_own_rhythm_and_gets_no_advice_that_does_not_fit(
    database_url: str, processed: Lived, engine: Engine
) -> None:
    store_predictions(engine)
    with engine.begin() as connection:
        who = connection.execute(
            text("SELECT customer_id FROM customers WHERE segment = 'champions' ORDER BY frequency DESC LIMIT 1")
        ).scalar_one()
    assert "The next order, if one comes: around " in words(a_page("customer", database_url, customer=who).run())
    with engine.begin() as connection:
        late = text("UPDATE stream_progress SET event_time = event_time + interval '400 days'")
        connection.execute(late)
    after = a_page("customer", database_url, customer=who).run()
    assert 'data-risk="presumed_lost"' in html(after)
    shown = words(after)
    assert re.search(r"Buys .*, silent for \d+ days: presumed lost since \d+ \w+ \d{4}\. At stake:", shown)
    assert re.search(r"Back within 30 days: .{1,12}%, within 90 days: .{1,12}%\. They are probably gone", shown)
    assert "They are probably gone, so no day of a next order is named. Expected spend" in shown
    assert "Expected spend within 365 days: £" in shown
    assert "win them back in person" in shown
    assert "a discount would be wasted" not in shown


def test_the_risk_changes_are_listed_if_there_are_any(page: AppTest, engine: Engine, processed: Lived) -> None:
    assert "Against their own rhythm" not in words(page.run())
    stored = [each for each in store_predicted_risks(engine, processed) if each["customer_id"] == CUSTOMER]
    page.run()
    assert "Against their own rhythm" in words(page)
    numbers = re.findall(r'data-risk-change="(\d+)"', html(page))
    assert numbers == [str(each["sequence"]) for each in reversed(stored)][: len(numbers)]
    assert style.stamp(stored[-1]["effective_at"]) in words(page)


def test_a_customer_whose_orders_were_all_cancelled_has_no_last_purchase(
    database_url: str, engine: Engine, model: SegmentModel
) -> None:
    sent = messages()
    own = [each for each in sent if each.customer_id == CUSTOMER]
    gone = [replace(each, kind="cancelled", revision=1) for each in own]
    store(engine, model, lived(model, [*sent, *gone, Tick(NOW)]))
    page = a_page("customer", database_url, customer=CUSTOMER).run()
    tiles = re.findall(r'sg-total"><b>(.*?)</b><span>(.*?)</span>', html(page))
    assert ("all orders cancelled", "last purchase") in tiles
    assert ("0", "purchases") in tiles
    assert "NaN" not in html(page)
    then = a_page("customer", database_url, customer=CUSTOMER, as_of=f"{NOW:%Y-%m-%d}").run()
    assert "all orders cancelledlast purchase" in words(then)


def test_older_risk_changes_are_counted_without_those_that_were_deleted(
    page: AppTest, engine: Engine, processed: Lived
) -> None:
    stored = [each for each in store_predicted_risks(engine, processed) if each["customer_id"] == CUSTOMER]
    last = stored[-1]
    more = [
        last | {"sequence": last["sequence"] + n, "position": last["position"] + 1_000 + n}
        for n in range(1, MOST_RISK_ROWS + 1)
    ]
    with engine.begin() as connection:
        connection.execute(insert(risk_changes), more)
    assert len(stored) > 1
    assert f"{len(stored)} older ones not shown" in words(page.run())
    for kept, said in ((MOST_RISK_ROWS + 1, "1 older one not shown"), (MOST_RISK_ROWS, "")):
        with engine.begin() as connection:
            c = risk_changes.c
            oldest = more[-1]["sequence"] - kept + 1
            connection.execute(delete(risk_changes).where(c.customer_id == CUSTOMER, c.sequence < oldest))
        shown = words(page.run())
        assert said in shown
        assert ("not shown" in shown) == bool(said)
