"""The data page in its states, in Streamlit's test harness against a real Postgres."""

import re
from datetime import UTC, datetime

import pandas as pd
import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from data.postgres.model_registry import register
from data.postgres.tables import metadata
from models.segment_model import SegmentModel
from tests.support.filled import fill
from tests.support.pages import a_page, html, words
from tests.support.retail import retail

EVENT_TIME = datetime(2010, 4, 10, 14, 30, tzinfo=UTC)
UNTIL = datetime(2010, 4, 10, tzinfo=UTC)


@pytest.fixture
def transactions() -> pd.DataFrame:
    everything = retail().transactions
    return everything[everything["occurred_at"] <= EVENT_TIME]


@pytest.fixture
def shop(engine: Engine, model: SegmentModel, transactions: pd.DataFrame) -> Engine:
    metadata.create_all(engine)
    register(engine, model)
    fill(engine, transactions, model, EVENT_TIME)
    return engine


@pytest.fixture
def page(database_url: str, shop: Engine) -> AppTest:
    return a_page("exploration", database_url).run()


def test_the_totals_are_those_of_the_whole_event_days(page: AppTest, transactions: pd.DataFrame) -> None:
    whole = transactions[transactions["occurred_at"] < UNTIL]
    sales = whole[whole["kind"] == "sale"]
    shown = dict(re.findall(r'data-total="(.*?)">(.*?)<', html(page)))
    assert shown["sales"] == f"{len(sales):,}"
    assert shown["credit notes"] == f"{len(whole) - len(sales):,}"
    assert shown["buyers"] == f"{sales['customer_id'].nunique():,}"
    net = (2 * sales["amount_units"].sum() - whole["amount_units"].sum()) / 10_000
    assert shown["net revenue"] == f"£{net:,.0f}"
    assert "before Sat 10 April 2010" in words(page)


def test_the_page_has_every_figure(page: AppTest) -> None:
    assert not page.exception
    assert len(page.get("plotly_chart")) == 7


def test_the_largest_country_can_be_left_out(page: AppTest, transactions: pd.DataFrame) -> None:
    biggest = transactions.groupby("country")["amount_units"].sum().idxmax()
    assert f'data-country="{biggest}"' in html(page)
    page.toggle(key="data_rest").set_value(True).run()
    assert f'data-country="{biggest}"' not in html(page)


def test_before_the_first_day_is_over_it_says_so(
    database_url: str, engine: Engine, model: SegmentModel, transactions: pd.DataFrame
) -> None:
    metadata.create_all(engine)
    register(engine, model)
    early = transactions[transactions["occurred_at"] < transactions["occurred_at"].min() + pd.Timedelta(hours=2)]
    fill(engine, early, model, early["occurred_at"].max().to_pydatetime())
    assert "The first event day is not over yet" in words(a_page("exploration", database_url).run())


def test_in_the_first_month_no_customer_has_returned(
    database_url: str, engine: Engine, model: SegmentModel, transactions: pd.DataFrame
) -> None:
    metadata.create_all(engine)
    register(engine, model)
    early = transactions[transactions["occurred_at"] < "2009-12-15"]
    fill(engine, early, model, early["occurred_at"].max().to_pydatetime())
    assert "The first month is not over" in words(a_page("exploration", database_url).run())


def test_a_hostile_country_is_shown_and_not_run(database_url: str, shop: Engine) -> None:
    with shop.begin() as connection:
        connection.execute(text("UPDATE transactions SET country = '<img src=x onerror=alert(1)>'"))
    page = a_page("exploration", database_url).run()
    assert "<img src=x" not in html(page)
    assert "<img src=x onerror=alert(1)>" in words(page)


def test_without_tables_or_a_model_it_says_what_to_do(database_url: str, engine: Engine) -> None:
    assert "segue migrate" in words(a_page("exploration", database_url).run())
    metadata.create_all(engine)
    assert "No segment model yet" in words(a_page("exploration", database_url).run())


def test_a_shop_with_only_returns_is_shown(database_url: str, shop: Engine) -> None:
    with shop.begin() as connection:
        connection.execute(text("DELETE FROM transactions WHERE kind = 'sale'"))
        connection.execute(text("UPDATE customers SET first_purchase_at = NULL, frequency = 0"))
    assert 'data-total="sales">0<' in html(a_page("exploration", database_url).run())
