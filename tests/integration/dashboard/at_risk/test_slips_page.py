"""The moves by time alone of "At risk", in Streamlit's test harness against a real Postgres."""

import re
from datetime import timedelta

import pandas as pd
import pytest
from sqlalchemy import Engine, update
from streamlit.testing.v1 import AppTest

from data.postgres.tables import customers, stream_progress
from models.personas import ARCHETYPES
from models.segment_model import SegmentModel
from tests.support.generated_tables import EVENT_TIME, Stored
from tests.support.pages import a_page, html, words

# Champions and regulars are the good segments of the model; a move up is not a slip.
SLIPS = {("champions", "regulars"), ("champions", "lost"), ("regulars", "lost")}


@pytest.fixture
def page(database_url: str, filled: Engine) -> AppTest:
    """The page on a database that holds a stream, opened."""
    return a_page("at_risk", database_url).run()


@pytest.fixture
def leaving(stream: Stored) -> pd.DataFrame:
    """Every customer whom time alone moves out of a good segment, with the net spend."""
    people = stream.customers
    meant = [pair in SLIPS for pair in zip(people["segment"], people["next_segment"], strict=True)]
    due = pd.to_datetime(people["next_change_at"], utc=True)
    return people.assign(next_change_at=due, net=people["gross"] - people["returned"])[meant]


def test_the_headline_has_the_slips_of_thirty_days_and_their_spend(page: AppTest, leaving: pd.DataFrame) -> None:
    soon = _within(leaving, 30)
    assert len(soon) > 5
    assert _stake(page) == (len(soon), round(soon["net"].sum()))
    assert "by Thu 14 July 2011" in words(page)


@pytest.mark.parametrize("days", [7, 60, 365])
def test_a_longer_look_ahead_finds_more(page: AppTest, leaving: pd.DataFrame, days: int) -> None:
    page.button_group(key="slip_days").set_value(days).run()
    assert _stake(page)[0] == len(_within(leaving, days))


def test_filters_narrow_the_list_together(page: AppTest, leaving: pd.DataFrame) -> None:
    page.button_group(key="slip_days").set_value(90)
    page.number_input(key="slip_worth").set_value(400)
    page.multiselect(key="slip_country").set_value(["France", "Germany"])
    page.button_group(key="slip_from").set_value(["champions"]).run()
    meant = _within(leaving, 90)
    meant = meant[(meant["net"] >= 400) & meant["country"].isin(["France", "Germany"])]
    meant = meant[meant["segment"] == "champions"]
    assert 0 < len(meant) < len(_within(leaving, 90))
    assert _stake(page) == (len(meant), round(meant["net"].sum()))
    assert {*_listed(page)} == {*meant["customer_id"]}


def test_the_list_is_paged_and_sorted(page: AppTest, leaving: pd.DataFrame) -> None:
    page.button_group(key="slip_days").set_value(365)
    page.button_group(key="slip_order").set_value("soonest").run()
    expected = leaving.sort_values(["next_change_at", "customer_id"])["customer_id"].tolist()
    assert _listed(page) == expected[:25]
    page.session_state["slip_page"] = 2
    assert _listed(page.run()) == expected[25:50]
    page.session_state["slip_page"] = 99
    assert _listed(page.run()) == expected[:25]


def test_a_link_opens_the_page_as_it_was_sent(database_url: str, filled: Engine, leaving: pd.DataFrame) -> None:
    sent = a_page("at_risk", database_url, slip_days="1 week", slip_worth="300", slip_shape="Calendar").run()
    meant = _within(leaving, 7)
    assert _stake(sent)[0] == (meant["net"] >= 300).sum()
    assert "sg-calendar" in html(sent)


@pytest.mark.parametrize(
    "query",
    [
        {"slip_days": "999999 years"},
        {"slip_worth": "-5"},
        {"slip_worth": "1e400"},
        {"slip_from": "'; DROP TABLE customers; --"},
        {"slip_country": "<script>"},
        {"slip_order": "customer_id; --"},
    ],
)
def test_an_invalid_url_is_harmless(
    database_url: str, filled: Engine, leaving: pd.DataFrame, query: dict[str, str]
) -> None:
    assert _stake(a_page("at_risk", database_url, **query).run())[0] == len(_within(leaving, 30))


def test_without_slips_the_page_says_what_to_try(page: AppTest) -> None:
    page.number_input(key="slip_worth").set_value(10_000_000).run()
    assert _stake(page) == (0, 0)
    assert "Look further ahead, or remove a filter" in words(page)


def test_the_page_follows_the_stream(page: AppTest, filled: Engine, leaving: pd.DataFrame) -> None:
    with filled.begin() as connection:
        connection.execute(update(stream_progress).values(event_time=EVENT_TIME + timedelta(days=30)))
        connection.execute(update(customers).where(customers.c.next_change_at < EVENT_TIME).values(next_change_at=None))
    page.run()
    until = EVENT_TIME.replace(hour=0, minute=0) + timedelta(days=60)
    assert _stake(page)[0] == (leaving["next_change_at"] < until).sum()


def test_the_page_counts_the_past_slips(page: AppTest, stream: Stored) -> None:
    recent = stream.changes[stream.changes["effective_at"] >= EVENT_TIME.replace(hour=0, minute=0) - timedelta(days=29)]
    pairs = zip(recent["from_segment"], recent["to_segment"], strict=True)
    number = sum(pair in SLIPS and cause == "decay" for pair, cause in zip(pairs, recent["cause"], strict=True))
    assert number
    assert re.search(rf"Time alone made {number} such moves? in the last 30 event days", words(page))


def test_the_rule_is_written_down_with_the_good_segments_of_this_model(page: AppTest, model: SegmentModel) -> None:
    rule = words(page)
    good = {archetype.id for archetype in ARCHETYPES if archetype.good}
    assert {segment.name for segment in model.segments if segment.id in good}
    assert all(segment.name in rule for segment in model.segments)
    assert "A slip is a move out of a good segment" in rule


def _within(leaving: pd.DataFrame, days: int) -> pd.DataFrame:
    """The customers who slip by the end of the last of ``days`` days, of which today is the first."""
    return leaving[leaving["next_change_at"] < EVENT_TIME.replace(hour=0, minute=0) + timedelta(days=days)]


def _stake(page: AppTest) -> tuple[int, int]:
    found = re.search(r'data-slips="(\d+)".*?data-worth="(\d+)"', html(page))
    assert found
    return int(found[1]), int(found[2])


def _listed(page: AppTest) -> list[str]:
    return re.findall(r'href="customer\?customer=(\d+)"', html(page))
