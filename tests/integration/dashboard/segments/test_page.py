"""The segments page in each of its states, in Streamlit's test harness against a real Postgres."""

import re
from typing import Any, cast

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from models.segment_model import SegmentModel
from tests.support.pages import HOSTILE, a_page, html, words
from tests.support.processed_stream import Lived


@pytest.fixture
def page(database_url: str) -> AppTest:
    """The page, not yet opened."""
    return a_page("segments", database_url)


def test_every_persona_has_its_size_its_numbers_and_its_action(
    page: AppTest, processed: Lived, model: SegmentModel
) -> None:
    shown, sizes = words(page.run()), processed.frame("customers")["segment"].value_counts().to_dict()
    assert _sizes(page) == sizes
    assert all(segment.action in shown for segment in model.segments)
    assert "As of event time 15 Jun 2011, 09:30 (UTC)" in shown
    assert "Recency is as of event time" in shown
    assert len(page.get("plotly_chart")) == 4


def test_in_a_running_stream_numbers_of_a_few_seconds_ago_say_so(
    page: AppTest, engine: Engine, processed: Lived
) -> None:
    sizes = _sizes(page.run())
    assert "a few seconds ago" not in words(page)
    with engine.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET event_time = event_time + interval '3 days'"))
        gone = connection.execute(text("UPDATE customers SET segment = NULL WHERE segment = 'lost'")).rowcount
    shown = words(page.run())
    assert "As of event time 18 Jun 2011, 09:30 (UTC)" in shown
    assert "Cards and distributions are as of event time 15 Jun 2011, 09:30, a few seconds ago" in shown
    assert "The points are as of event time 15 Jun 2011, 09:30, a few seconds ago" in shown
    assert _sizes(page) == sizes
    assert gone == sizes["lost"]
    assert f'data-found="{sum(sizes.values()) - gone}"' in html(page)


def test_points_of_a_few_seconds_ago_are_no_sample_because_there_are_more_customers_now(
    page: AppTest, engine: Engine, processed: Lived
) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE customers SET segment = NULL WHERE segment = 'lost'"))
    assert "Every customer; logarithmic axes" in words(page.run())
    with engine.begin() as connection:
        connection.execute(text("UPDATE customers SET segment = 'lost' WHERE segment IS NULL AND frequency > 0"))
        connection.execute(text("UPDATE stream_progress SET event_time = event_time + interval '3 days'"))
    assert "Every customer; logarithmic axes" in words(page.run())


def test_choosing_personas_leaves_the_others_out_everywhere(page: AppTest, processed: Lived) -> None:
    page.run()
    page.button_group[0].set_value(["lost"]).run()
    sizes = processed.frame("customers")["segment"].value_counts()
    assert _sizes(page) == {"lost": sizes["lost"]}
    assert f"{100 * sizes['lost'] / sizes.sum():.0f}%" in words(page)
    lost = {row["customer_id"] for row in processed.customers if row["segment"] == "lost"}
    assert _listed(page) == lost


def test_the_table_is_searched_and_ordered_by_the_database(page: AppTest, processed: Lived) -> None:
    page.run()
    page.text_input[0].set_value("1233").run()
    expected = [row for row in processed.customers if row["customer_id"].startswith("1233") and row["segment"]]
    assert f'data-found="{len(expected)}"' in html(page)
    page.selectbox[1].set_value("Most purchases").run()
    by_purchases = sorted(expected, key=lambda row: (-row["frequency"], row["customer_id"]))
    assert _in_order(page) == [row["customer_id"] for row in by_purchases]
    page.selectbox[0].set_value("EIRE").run()
    assert _listed(page) == {row["customer_id"] for row in expected if row["country"] == "EIRE"}


def test_a_search_without_a_match_says_so(page: AppTest, processed: Lived) -> None:
    page.run()
    page.text_input[0].set_value("99999").run()
    assert "No customer matches" in words(page)


def test_the_second_page_begins_where_the_first_ends(page: AppTest, processed: Lived) -> None:
    page.run()
    page.selectbox[1].set_value("Customer").run()
    first = _in_order(page)
    cast("Any", page.get("pagination")[0]).set_value(2).run()
    everyone = sorted(row["customer_id"] for row in processed.customers if row["segment"])
    assert len(first) == 25
    assert [*first, *_in_order(page)] == everyone[:50]


def test_a_page_number_beyond_the_end_shows_the_last_page(page: AppTest, processed: Lived) -> None:
    page.run()
    cast("Any", page.get("pagination")[0]).set_value(3).run()
    page.text_input[0].set_value("1231").run()
    assert _listed(page) <= {f"1231{last}" for last in range(10)}


def test_url_parameters_are_text(database_url: str, processed: Lived) -> None:
    for hostile in HOSTILE:
        query = {f"segments_{name}": hostile for name in ("search", "country", "sort", "personas", "page")}
        assert "<script" not in html(a_page("segments", database_url, **query).run())


def test_a_hostile_country_is_shown_and_not_run(page: AppTest, processed: Lived, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE customers SET country = '<img src=x onerror=alert(1)>'"))
    assert "<img src=x" not in html(page.run())
    assert "<img src=x onerror=alert(1)>" in words(page)


def _sizes(page: AppTest) -> dict[str, int]:
    found = re.findall(r'data-segment="(\w+)".*?sg-size"><b>([\d,]+)<', html(page))
    return {segment: int(number.replace(",", "")) for segment, number in found}


def _in_order(page: AppTest) -> list[str]:
    return re.findall(r'href="customer\?customer=(\d+)"', html(page))


def _listed(page: AppTest) -> set[str]:
    return set(_in_order(page))
