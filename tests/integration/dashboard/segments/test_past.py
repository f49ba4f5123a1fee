"""The segments page as of a past day shows what the worker had published by then."""

import io
import re
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from sqlalchemy import Engine, event, text
from streamlit.testing.v1 import AppTest

from tests.support.pages import HOSTILE, a_page, html, words, written_files
from tests.support.processed_stream import Lived

DAY = datetime(2010, 11, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    st.cache_resource.clear()


@pytest.fixture
def page(database_url: str) -> AppTest:
    """The page as of a past day, not yet opened."""
    return a_page("segments", database_url, as_of=f"{DAY:%Y-%m-%d}")


def then(processed: Lived) -> dict[str, Any]:
    """Every customer's segment on the day, from the changes."""
    changes = processed.frame("changes").sort_values(["customer_id", "sequence"])
    known = changes[changes["effective_at"] <= DAY]
    return {str(customer): segment for customer, segment in known.groupby("customer_id")["to_segment"].last().items()}


def test_sizes_and_customers_are_those_of_the_day_and_the_page_says_so(page: AppTest, processed: Lived) -> None:
    shown, segments = words(page.run()), then(processed)
    assert "As of 2 Nov 2010, 00:00 (UTC). This page shows a past moment" in shown
    assert _sizes(page) == pd.Series(segments).value_counts().to_dict()
    assert f'data-found="{len(segments)}"' in html(page)
    assert set(_in_order(page)) <= set(segments)


def test_numbers_are_of_the_orders_up_to_the_day(
    page: AppTest, processed: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = written_files(monkeypatch)
    page.run()
    rows = pd.read_csv(io.BytesIO(files[-1].content), dtype={"customer_id": "str"}, keep_default_na=False)
    sent = processed.frame("transactions")
    sales = sent[(sent["kind"] == "sale") & (sent["occurred_at"] <= DAY)].groupby("customer_id")
    assert rows.set_index("customer_id")["frequency"].to_dict() == sales.size().to_dict()
    last = sales["occurred_at"].max()
    assert rows.set_index("customer_id")["recency"].to_dict() == {c: (DAY - at).days for c, at in last.items()}
    assert rows["segment"].to_dict() == {n: then(processed)[c] for n, c in rows["customer_id"].items()}
    assert set(rows["as_of"]) == {"2010-11-02T00:00:00Z"}


def test_the_table_is_searched_ordered_and_restricted(page: AppTest, processed: Lived) -> None:
    page.run()
    page.selectbox[1].set_value("Customer").run()
    everyone = sorted(then(processed))
    assert _in_order(page) == everyone[:25]
    page.text_input[0].set_value("1233").run()
    assert _in_order(page) == [customer for customer in everyone if customer.startswith("1233")]
    page.text_input[0].set_value("zzz").run()
    assert "No customer matches" in words(page)
    assert "Next to move" not in page.selectbox[1].options
    page.button_group[0].set_value(["lost"]).run()
    assert set(_sizes(page)) == {"lost"}


def test_a_closed_day_is_read_once_and_again_after_a_late_order(
    page: AppTest, engine: Engine, processed: Lived
) -> None:
    asked: list[str] = []

    def note(*arguments: Any) -> None:
        asked.append(arguments[2])

    def scans() -> int:
        """How often the past was read; the rows themselves come by COPY, which no event shows."""
        asked.clear()
        html(page.run())
        return sum("FROM model_reigns" in statement for statement in asked)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert [scans(), scans(), scans()] == [1, 0, 0]
        with engine.begin() as connection:
            connection.execute(text("UPDATE stream_progress SET late = late + 1 WHERE partition = 0"))
        assert [scans(), scans()] == [1, 0]
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_day_that_was_pruned_says_from_when_on_days_can_be_shown(
    page: AppTest, engine: Engine, processed: Lived
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "DELETE FROM segment_changes WHERE sequence = 1 AND customer_id IN "
                "(SELECT customer_id FROM segment_changes WHERE sequence = 2)"
            )
        )
    assert "the history of changes is whole from" in words(page.run())


def test_clearing_the_day_returns_to_the_present(page: AppTest, processed: Lived) -> None:
    page.run()
    page.date_input(key="as_of").set_value(None).run()
    assert "This page shows a past moment" not in words(page)
    assert _sizes(page) == processed.frame("customers")["segment"].value_counts().to_dict()


def test_days_in_the_address_that_are_none_show_the_present(database_url: str, processed: Lived) -> None:
    for hostile in (*HOSTILE, "2010-02-30", "1700-01-01", "2999-01-01", ""):
        shown = html(a_page("segments", database_url, as_of=hostile).run())
        assert "<script" not in shown
        assert "data-as-of" not in shown


def _sizes(page: AppTest) -> dict[str, int]:
    found = re.findall(r'data-segment="(\w+)".*?sg-size"><b>([\d,]+)<', html(page))
    return {segment: int(number.replace(",", "")) for segment, number in found}


def _in_order(page: AppTest) -> list[str]:
    return re.findall(rf'href="customer\?customer=(\d+)&amp;as_of={DAY:%Y-%m-%d}"', html(page))
