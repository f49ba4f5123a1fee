"""The simulator in each of its states, in Streamlit's test harness against a real Postgres."""

import re
from datetime import date, datetime, timedelta
from typing import Any, cast

import pandas as pd
import pytest
from sqlalchemy import Engine, update
from streamlit.testing.v1 import AppTest

from dashboard.shared import style
from dashboard.shared.rhythm_text import FORESEEABLE
from dashboard.simulator import uploads
from data.postgres.tables import customers, stream_progress
from models.segment_model import SegmentModel
from tests.support.pages import HOSTILE, a_page, html, words
from tests.support.processed_stream import NOW, Lived

HEADER = ",".join(uploads.COLUMNS)


@pytest.fixture
def page(database_url: str) -> AppTest:
    """The page, not yet opened."""
    return a_page("simulator", database_url)


def test_a_real_customer_has_the_segment_and_the_moves_of_the_stream(
    database_url: str, processed: Lived, model: SegmentModel
) -> None:
    names = {segment.id: segment.name for segment in model.segments}
    for row in [each for each in processed.customers if each["segment"]][::7]:
        page = a_page("simulator", database_url, customer=row["customer_id"]).run()
        assert f'data-verdict="{row["segment"]}"' in html(page)
        assert page.number_input[0].value == (NOW - row["last_purchase_at"]).days
        assert page.number_input[1].value == row["frequency"]
        if row["next_change_at"] is None:
            assert "They never move by time alone" in words(page)
        elif row["next_change_at"] - NOW > FORESEEABLE:
            assert f"{names[row['next_segment']]}, but only beyond two years" in words(page)
        else:
            assert f"{names[row['next_segment']]} from {style.stamp(row['next_change_at'])}" in words(page)


def test_numbers_typed_over_a_real_customer_stay_until_another_is_chosen(database_url: str, processed: Lived) -> None:
    page = a_page("simulator", database_url, customer="12303").run()
    page.number_input[0].set_value(700).run()
    assert page.number_input[0].value == 700
    page.text_input[0].set_value("12304").run()
    other = next(row for row in processed.customers if row["customer_id"] == "12304")
    assert page.number_input[0].value == (NOW - other["last_purchase_at"]).days


def test_a_real_customers_numbers_follow_event_time(database_url: str, engine: Engine, processed: Lived) -> None:
    later = NOW + timedelta(days=2)
    changes = [row for row in processed.customers if row["next_change_at"]]
    row = next(each for each in changes if later < each["next_change_at"] < NOW + FORESEEABLE)
    outlook = f"from {style.stamp(row['next_change_at'])}"
    page = a_page("simulator", database_url, customer=row["customer_id"]).run()
    _at_event_time(engine, later)
    page.run()
    assert page.number_input[0].value == (NOW - row["last_purchase_at"]).days + 2
    assert outlook in words(page)
    page.number_input[0].set_value(700).run()
    _at_event_time(engine, NOW + timedelta(days=4))
    assert page.run().number_input[0].value == 700


def test_a_new_purchase_counts_at_once(database_url: str, engine: Engine, processed: Lived) -> None:
    page = a_page("simulator", database_url, customer="12303").run()
    just_now = NOW + timedelta(minutes=30)
    with engine.begin() as connection:
        bought = {"last_purchase_at": just_now, "last_event_at": just_now, "frequency": 77}
        connection.execute(update(customers).where(customers.c.customer_id == "12303").values(bought))
    assert [box.value for box in page.run().number_input[:2]] == [0, 77]


def test_a_customer_who_bought_after_the_last_tick_is_scored_at_their_own_last_event(
    database_url: str, engine: Engine, processed: Lived
) -> None:
    row = next(each for each in processed.customers if each["segment"])
    _at_event_time(engine, row["last_event_at"] - timedelta(hours=5))
    page = a_page("simulator", database_url, customer=row["customer_id"]).run()
    assert page.number_input[0].value == (row["last_event_at"] - row["last_purchase_at"]).days
    assert f'data-verdict="{row["segment"]}"' in html(page)


def test_a_customer_who_is_not_known_or_never_bought_is_named(page: AppTest, processed: Lived) -> None:
    page.run()
    page.text_input[0].set_value("nobody").run()
    assert "Customer nobody does not exist" in words(page)
    returner = next(row["customer_id"] for row in processed.customers if not row["frequency"])
    page.text_input[0].set_value(returner).run()
    assert f"Customer {returner} has never bought anything" in words(page)


def test_a_purchase_opens_a_second_future(page: AppTest, processed: Lived, model: SegmentModel) -> None:
    page.run()
    for box, value in zip(page.number_input, (200, 3, 300.0, 50_000.0), strict=True):
        box.set_value(value)
    page.date_input[0].set_value(NOW.date() + timedelta(days=10)).run()
    without, bought = re.findall(r'sg-eyebrow">If they.*?</table>', html(page), re.S)
    assert "bought" not in without
    assert "25 Jun 2011, 09:30" in bought
    assert bought.count("<tr>") > 2
    assert len(page.get("plotly_chart")) == 2


def test_inputs_are_bounded(page: AppTest, processed: Lived) -> None:
    page.run()
    recency, frequency, monetary, amount = page.number_input
    assert (recency.min, recency.max) == (0, 100_000)
    assert (frequency.min, frequency.max) == (1, 1_000_000)
    assert (monetary.min, monetary.max) == (-1e9, 1e9)
    assert (amount.min, amount.max) == (0.01, 1e9)
    assert page.date_input[0].min == NOW.date()
    for box, value in zip(page.number_input, (100_000, 1_000_000, 1e9, 1e9), strict=True):
        box.set_value(value)
    page.date_input[0].set_value(page.date_input[0].max).run()
    assert "data-verdict" in html(page)


def test_a_day_that_event_time_has_passed_becomes_today(page: AppTest, processed: Lived) -> None:
    page.session_state["simulator_date"] = date(2001, 1, 1)
    page.run()
    assert page.date_input[0].value == NOW.date()


def _downloads(page: AppTest) -> list[str]:
    return [button.label for button in cast("list[Any]", page.get("download_button"))]


def test_a_file_comes_back_segmented(page: AppTest, processed: Lived) -> None:
    people, sent = _as_a_file(processed)
    page.run()
    page.file_uploader[0].set_value(("people.csv", sent, "text/csv")).run()
    assert f'data-segmented="{len(people)}"' in html(page)
    assert _downloads(page) == [
        "Download a template",
        "Download the segments",
    ]


def test_the_segments_of_a_file_are_those_of_the_stream(processed: Lived, model: SegmentModel) -> None:
    people, sent = _as_a_file(processed)
    found = uploads.segmented(model, uploads.read(sent, model, "GBP"))
    recencies = found["recency_days"].tolist()
    assert found["segment"].tolist() == [row["segment"] for row in people]
    borders = [row["next_change_at"] and (row["next_change_at"] - row["last_purchase_at"]).days for row in people]
    expected = [border and border - recency for border, recency in zip(borders, recencies, strict=True)]
    assert [None if pd.isna(days) else int(days) for days in found["next_change_in_days"]] == expected


def test_an_error_in_a_file_names_line_and_column(page: AppTest, processed: Lived) -> None:
    page.run()
    page.file_uploader[0].set_value(("<b>.csv", f"{HEADER}\n1,2,3,x\n".encode(), "text/csv")).run()
    assert "<b>.csv: Line 2, column monetary: must be a number" in words(page)
    assert "<b>.csv" not in html(page)
    assert _downloads(page) == ["Download a template"]


def test_url_parameters_are_text(database_url: str, processed: Lived) -> None:
    for hostile in HOSTILE:
        page = a_page("simulator", database_url, customer=hostile).run()
        assert "<script" not in html(page)
        assert "data-verdict" in html(page)


def _at_event_time(engine: Engine, moment: datetime) -> None:
    with engine.begin() as connection:
        connection.execute(update(stream_progress).values(event_time=moment))


def _as_a_file(processed: Lived) -> tuple[list[dict[str, Any]], bytes]:
    """Every customer with a segment, as rows and as a CSV file."""
    people = [row for row in processed.customers if row["segment"]]
    rows = (
        (row["customer_id"], (NOW - row["last_purchase_at"]).days, row["frequency"], row["gross"] - row["returned"])
        for row in people
    )
    return people, "\n".join([HEADER, *(",".join(map(str, row)) for row in rows)]).encode()
