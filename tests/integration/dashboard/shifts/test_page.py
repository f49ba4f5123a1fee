"""The shifts page, in Streamlit's test harness against a real Postgres."""

import re
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

from dashboard.shared import style
from data.postgres.model_registry import register
from data.postgres.tables import metadata, stream_progress
from models.personas import is_slip
from models.segment_model import SegmentModel
from tests.support.generated_tables import EVENT_TIME, Stored
from tests.support.pages import a_page, html, words

TODAY = EVENT_TIME.replace(hour=0, minute=0)


@pytest.fixture
def page(database_url: str, filled: Engine) -> AppTest:
    """The page on a database that holds a stream, opened."""
    return a_page("shifts", database_url).run()


@pytest.mark.parametrize(("period", "days"), [("7", 7), ("30", 30), ("365", 365), ("all", 10_000)])
def test_the_tiles_count_what_happened_in_the_period(page: AppTest, stream: Stored, period: str, days: int) -> None:
    page.button_group(key="shift_period").set_value(period).run()
    assert _tiles(page) == _expected(_since(stream, TODAY - timedelta(days=days - 1)))


def test_two_dates_make_a_period_of_their_own(page: AppTest, stream: Stored) -> None:
    page.button_group(key="shift_period").set_value("custom").run()
    page.date_input(key="shift_dates").set_value((date(2011, 1, 1), date(2011, 3, 31))).run()
    inside = stream.changes[stream.changes["effective_at"].between("2011-01-01", "2011-04-01", inclusive="left")]
    assert _tiles(page) == _expected(inside)
    page.date_input(key="shift_dates").set_value((date(2011, 1, 1),)).run()
    inside = stream.changes[stream.changes["effective_at"].between("2011-01-01", "2011-01-02", inclusive="left")]
    assert _tiles(page) == _expected(inside)


def test_the_table_has_who_was_in_a_segment_at_the_start_and_at_the_end_of_the_period(
    page: AppTest, stream: Stored
) -> None:
    page.button_group(key="shift_causes").set_value(["return"])
    page.button_group(key="shift_period").set_value("30").run()
    c = stream.changes.sort_values(["customer_id", "sequence"])

    def sizes(until: datetime) -> dict[str, int]:
        last = c[c["effective_at"] < until].groupby("customer_id")["to_segment"].last()
        return {str(segment): int(number) for segment, number in last.value_counts().items()}

    end = TODAY + timedelta(days=1)
    at = [sizes(end - timedelta(days=days)) for days in (0, 30, 60, 364, 394)]
    for segment, cells in _balance(page).items():
        now, before, longer, year, year_before = (each.get(segment, 0) for each in at)
        start, came, left, shown_end, *nets = cells
        assert (start, shown_end) == (before, now)
        assert start + came - left == now
        assert nets == [now - before, before - longer, year - year_before]
    assert sum(cells[3] for cells in _balance(page).values()) == sum(at[0].values())


def test_a_period_that_the_history_does_not_have_is_not_compared(page: AppTest) -> None:
    page.button_group(key="shift_period").set_value("all").run()
    assert all(cells[5:] == [None, None] for cells in _balance(page).values())


def test_two_dates_are_part_of_the_url(database_url: str, filled: Engine, stream: Stored) -> None:
    page = a_page("shifts", database_url, shift_period="Dates")
    page.query_params["shift_dates"] = ["2011-01-01", "2011-03-31"]
    inside = stream.changes[stream.changes["effective_at"].between("2011-01-01", "2011-04-01", inclusive="left")]
    assert _tiles(page.run()) == _expected(inside)


def test_a_cause_filter_leaves_the_other_causes_out(page: AppTest, stream: Stored) -> None:
    page.button_group(key="shift_period").set_value("all")
    page.button_group(key="shift_causes").set_value(["return", "purchase"]).run()
    assert _tiles(page) == _expected(stream.changes[stream.changes["cause"].isin(["return", "purchase"])])


def test_two_segments_list_the_customers_who_moved_between_them(page: AppTest, stream: Stored) -> None:
    page.button_group(key="shift_period").set_value("all")
    page.selectbox(key="shift_from").set_value("champions")
    page.selectbox(key="shift_to").set_value("lost").run()
    c = stream.changes
    went = c[(c["from_segment"] == "champions") & (c["to_segment"] == "lost")]
    newest = went.sort_values(["effective_at", "customer_id"], ascending=[False, True])["customer_id"].tolist()
    assert _behind(page) == len(went) > 10
    assert _listed(page) == newest[:10]
    page.session_state["shift_page"] = 2
    assert _listed(page.run()) == newest[10:20]


def test_first_purchases_can_be_chosen_in_the_from_list(page: AppTest, stream: Stored) -> None:
    page.button_group(key="shift_period").set_value("all")
    page.selectbox(key="shift_from").set_value("").run()
    assert _behind(page) == stream.changes["from_segment"].isna().sum()


def test_without_moves_the_page_says_so(page: AppTest) -> None:
    page.selectbox(key="shift_from").set_value("lost")
    page.selectbox(key="shift_to").set_value("lost").run()
    assert "No customer moved that way" in words(page)
    page.button_group(key="shift_causes").set_value(["model"]).run()
    assert "No customer moved in this period" in words(page)


def test_the_legend_has_the_present_sizes(page: AppTest, stream: Stored, model: SegmentModel) -> None:
    sizes = stream.customers["segment"].value_counts()
    for segment in model.segments:
        assert f"{segment.name} {sizes[segment.id]}" in words(page)


def test_a_link_opens_the_page_as_it_was_sent(database_url: str, filled: Engine, stream: Stored) -> None:
    sent = a_page("shifts", database_url, shift_period="All", shift_causes="returned").run()
    assert _tiles(sent) == _expected(stream.changes[stream.changes["cause"] == "return"])


@pytest.mark.parametrize(
    "query", [{"shift_period": "0"}, {"shift_causes": "--"}, {"shift_from": "<script>"}, {"shift_to": "' OR 1=1"}]
)
def test_an_invalid_url_is_harmless(database_url: str, filled: Engine, stream: Stored, query: dict[str, str]) -> None:
    recent = _since(stream, TODAY - timedelta(days=29))
    assert _tiles(a_page("shifts", database_url, **query).run()) == _expected(recent)


def test_with_event_time_but_no_change_yet_the_page_says_so(
    database_url: str, engine: Engine, model: SegmentModel, stream: Stored
) -> None:
    metadata.create_all(engine)
    register(engine, model)
    with engine.begin() as connection:
        for row in stream.progress.assign(change_position=0).to_dict("records"):
            connection.execute(stream_progress.insert(), {str(name): cell for name, cell in row.items()})
    assert "No customer has entered a segment yet" in words(a_page("shifts", database_url).run())


def _since(stream: Stored, moment: datetime) -> pd.DataFrame:
    return stream.changes[stream.changes["effective_at"] >= moment]


def _expected(changes: pd.DataFrame) -> dict[str, int]:
    pairs = [*zip(changes["from_segment"].fillna(""), changes["to_segment"], strict=True)]
    rank = ["champions", "regulars", "lost"]
    return {
        "moves between segments": sum(before != "" for before, _ in pairs),
        "slips out of a good segment": sum(is_slip(before or None, after) for before, after in pairs),
        "climbs to a better segment": sum(b != "" and rank.index(a) < rank.index(b) for b, a in pairs),
        "first purchases": sum(before == "" for before, _ in pairs),
    }


def _tiles(page: AppTest) -> dict[str, int]:
    return {name: int(n.replace(",", "")) for name, n in re.findall(r'data-total="(.*?)">([\d,]+)<', html(page))}


def _behind(page: AppTest) -> int:
    found = re.search(r'data-behind="(\d+)"', html(page))
    assert found
    return int(found[1])


def _listed(page: AppTest) -> list[str]:
    return re.findall(r'href="customer\?customer=(\d+)"', html(page))


def _balance(page: AppTest) -> dict[str, list[Any]]:
    """The numbers of each segment's row; None where the page says that there is none."""
    [table] = re.findall(r'<table class="sg-table sg-balance">(.*?)</table>', html(page), re.DOTALL)
    found = {}
    for segment, row in re.findall(r'<tr data-segment="(.*?)">(.*?)</tr>', table, re.DOTALL):
        cells = re.findall(r'<td class="sg-right[^"]*">(.*?)</td>', row)
        found[segment] = [_number(cell) for cell in cells]
    assert found
    return found


def _number(cell: str) -> int | None:
    return None if cell == style.NOTHING else int(cell.replace(",", "").replace("−", "-"))
