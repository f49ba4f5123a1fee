"""Periods and revenue on the shifts page equal what pandas counts in the ledger and the changes."""

import io
import re
from datetime import datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest
import streamlit as st
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from dashboard.shared.reading import progress, reading
from dashboard.shifts import revenue
from data.postgres.pruning import Retention, prune
from tests.support.pages import a_page, html, words, written_files
from tests.support.processed_stream import NOW, START, Lived


def expected(processed: Lived) -> pd.DataFrame:
    """Every transaction with the segment just before it, looked up one by one."""
    changes = processed.frame("changes").sort_values(["customer_id", "sequence"])
    rows = []
    for sent in processed.transactions:
        own = changes[(changes["customer_id"] == sent["customer_id"]) & (changes["effective_at"] < sent["occurred_at"])]
        segment = own["to_segment"].iloc[-1] if len(own) else ""
        sale = sent["kind"] == "sale"
        amount = int(Decimal(sent["amount"]) * 10_000)
        rows.append((sent["occurred_at"], segment, int(sale), amount if sale else 0, 0 if sale else amount))
    return pd.DataFrame(rows, columns=["at", "segment", "orders", "revenue_units", "returned_units"])


def test_revenue_is_credited_to_the_segment_just_before_each_order(engine: Engine, processed: Lived) -> None:
    with reading(engine) as connection:
        found = revenue.daily(connection, None)
        looked_up = revenue.daily(connection, START)
        total = connection.execute(
            text(
                "SELECT sum(amount) FILTER (WHERE kind = 'sale'), sum(amount) FILTER (WHERE kind = 'return'), "
                "count(*) FILTER (WHERE kind = 'sale') FROM transactions"
            )
        ).one()
    wanted = expected(processed)
    wanted["day"] = wanted["at"].dt.floor("D")
    sums = wanted.groupby(["day", "segment"])[["orders", "revenue_units", "returned_units"]].sum().reset_index()
    pd.testing.assert_frame_equal(found, sums.astype(revenue.TYPES), check_dtype=False)
    pd.testing.assert_frame_equal(looked_up, found)
    assert set(found["segment"]) > {"", "champions"}
    assert found["revenue_units"].sum() == total[0] * 10_000
    assert found["returned_units"].sum() == total[1] * 10_000
    assert found["orders"].sum() == total[2]


def test_closed_days_are_read_once_and_a_late_order_makes_them_be_read_again(engine: Engine, processed: Lived) -> None:
    st.cache_resource.clear()
    cache = revenue.new_cache()

    def read() -> pd.DataFrame:
        with reading(engine) as connection:
            return cache.read(connection, progress(connection))

    first = read()
    # A row that is added to a closed day behind the stream's back is not seen, so the day was not read again.
    add = (
        "INSERT INTO transactions (customer_id, transaction_id, occurred_at, kind, amount, country) "
        "SELECT customer_id, :id, occurred_at, 'sale', 7, country FROM transactions ORDER BY occurred_at LIMIT 1"
    )
    with engine.begin() as connection:
        connection.execute(text(add), {"id": "unseen"})
    pd.testing.assert_frame_equal(read(), first)
    with engine.begin() as connection:
        connection.execute(text("UPDATE stream_progress SET late = late + 1 WHERE partition = 0"))
    assert read()["revenue_units"].sum() == first["revenue_units"].sum() + 70_000


def test_the_page_has_a_row_for_each_month_with_its_customers_and_revenue(database_url: str, processed: Lived) -> None:
    page = a_page("shifts", database_url).run()
    wanted = expected(processed)
    changes = processed.frame("changes")
    shown = _rows(page)
    assert list(shown) == [f"{month:%Y-%m-%d}" for month in reversed(_months())]
    for month, cells in shown.items():
        since = datetime.fromisoformat(f"{month}T00:00:00+00:00")
        until = (since + timedelta(days=32)).replace(day=1)
        inside = wanted[(wanted["at"] >= since) & (wanted["at"] < until)]
        entered = changes[changes["from_segment"].isna()]
        end = int((entered["effective_at"] < until).sum())
        start = int((entered["effective_at"] < since).sum())
        assert (cells[0], cells[3]) == (f"{start:,}", f"{end:,}")
        assert cells[7] == f"{inside['orders'].sum():,}"
        net = (inside["revenue_units"].sum() - inside["returned_units"].sum()) / 10_000
        assert cells[8].replace("£", "").replace(",", "").replace("−", "-") == f"{net:.0f}"


def test_the_file_has_every_period_and_segment(
    database_url: str, processed: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = written_files(monkeypatch)
    page = a_page("shifts", database_url, per_period="Quarters").run()
    assert not page.exception
    tables = (pd.read_csv(io.BytesIO(each.content), keep_default_na=False) for each in files)
    rows = next(table for table in tables if "revenue" in table.columns)
    assert (rows["start"] + rows["came"] - rows["left"] == rows["end"]).all()
    wanted = expected(processed)
    assert rows["revenue"].sum() == pytest.approx(wanted["revenue_units"].sum() / 10_000)
    assert set(rows["persona"]) >= {"New customer", "Champions", "Lost"}
    assert rows["since"].nunique() == 6


def test_after_pruning_there_are_rows_for_whole_periods_only_and_they_are_as_before(
    database_url: str, engine: Engine, processed: Lived
) -> None:
    st.cache_resource.clear()
    before = _rows(a_page("shifts", database_url, per_segment="Lost").run())
    assert (prune(engine, Retention(changes=timedelta(days=200)), NOW).changes or 0) > 10
    st.cache_resource.clear()
    page = a_page("shifts", database_url, per_segment="Lost", shift_period="All").run()
    after = _rows(page)
    assert 3 <= len(after) < len(before)
    for month, cells in after.items():
        # Start, came, left, end and net; then orders and revenue. Earlier periods to compare with may be gone.
        assert [*cells[:5], *cells[7:9]] == [*before[month][:5], *before[month][7:9]]


def test_a_segment_and_the_length_of_periods_are_in_the_address(database_url: str, processed: Lived) -> None:
    page = a_page("shifts", database_url, per_period="Weeks", per_segment="Lost").run()
    changes = processed.frame("changes").sort_values(["customer_id", "sequence"])
    last = changes[changes["effective_at"] < NOW].groupby("customer_id")["to_segment"].last()
    assert next(iter(_rows(page).values()))[3] == f"{(last == 'lost').sum():,}"
    assert "The newest 26; the file has" in words(page)
    assert len(_rows(page)) == 26


def _months() -> list[datetime]:
    found = [datetime.fromisoformat("2010-01-01T00:00:00+00:00")]
    while found[-1] < NOW.replace(day=1, hour=0, minute=0):
        found.append((found[-1] + timedelta(days=32)).replace(day=1))
    return found


def _rows(page: AppTest) -> dict[str, list[str]]:
    rows = re.findall(r'<tr data-period="([\d-]+)">(.*?)</tr>', html(page))
    return {since: re.findall(r'<td class="sg-right[^>]*>(.*?)</td>', cells) for since, cells in rows}
