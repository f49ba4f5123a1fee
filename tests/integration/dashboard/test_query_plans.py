"""Postgres's query plans for the pages at 100,000 customers, 1,000,000 changes and 1,000,000 transactions."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import streamlit as st
from sqlalchemy import Engine, event
from streamlit.testing.v1 import AppTest

from dashboard.shared.connection import READ_AHEAD
from data.postgres.database import engine as connect
from data.postgres.database import migrate
from tests.support import big_tables
from tests.support.campaigns import store_campaign
from tests.support.generated_tables import a_model
from tests.support.pages import a_page, html
from tests.support.postgres import new_database

Statements = list[tuple[str, Any]]
# A refresh must never scan these whole tables; aggregates may scan the profiles.
BIG = ("segment_changes", "transactions")
ALL = {"shift_period": "All"}
PAGES: list[tuple[str, dict[str, str]]] = [
    ("live", {}),
    ("at_risk", {}),
    ("at_risk", {"slip_days": "1 year", "slip_order": "Worth most"}),
    ("audiences", {}),
    ("audiences", {"audience_moved_from": "Champions", "audience_since": "30d"}),
    ("shifts", {}),
    ("shifts", ALL),
    ("shifts", ALL | {"shift_from": "Champions", "shift_to": "Lost", "shift_causes": "returned"}),
    ("shifts", ALL | {"shift_from": "New customer"}),
    ("shifts", {"per_period": "Weeks", "per_segment": "Lost"}),
    ("segments", {}),
    ("segments", {"as_of": "2011-03-01"}),
    ("at_risk", {"as_of": "2011-03-01"}),
    ("shifts", {"as_of": "2011-03-01"} | ALL),
    ("customer", {"as_of": "2011-03-01", "customer": "c4711"}),
    ("campaigns", {}),
    ("campaigns", {"campaign": "spring"}),
    ("customer", {"customer": "c4711"}),
    ("simulator", {}),
    ("exploration", {}),
    ("model", {}),
    ("operations", {}),
]


@pytest.fixture(scope="module")
def big_url(postgres_server: str) -> Iterator[str]:
    """A database with a big stream in it."""
    with new_database(postgres_server) as url:
        migrate(url)
        engine = connect(url)
        big_tables.fill(engine, a_model())
        store_campaign(engine, customers_every=10)
        engine.dispose()
        yield url
        st.cache_resource.clear()


@pytest.mark.parametrize(("name", "query"), PAGES)
def test_a_refresh_reads_no_big_table_from_end_to_end(big_url: str, name: str, query: dict[str, str]) -> None:
    page = a_page(name, big_url, **query)
    _asked(page)
    again = _asked(page)
    assert again
    for statement, plan in _plans(big_url, again):
        assert not [table for table in BIG if f"Seq Scan on {table}" in plan], f"{statement}\n{plan}"


def test_the_history_is_read_from_end_to_end_once_for_all_pages(big_url: str) -> None:
    st.cache_resource.clear()
    scans = []
    for name in ("shifts", "live", "at_risk", "shifts"):
        plans = _plans(big_url, _asked(a_page(name, big_url)))
        scans.append(sum("Seq Scan on segment_changes" in plan for _, plan in plans))
    assert scans == [1, 0, 0, 0]


def test_the_history_is_added_up_on_all_cpus(big_url: str) -> None:
    st.cache_resource.clear()
    plans = [plan for _, plan in _plans(big_url, _asked(a_page("shifts", big_url))) if "on segment_changes" in plan]
    assert sum("Parallel Seq Scan on segment_changes" in plan for plan in plans) == 1, plans


def test_upcoming_slips_use_the_workers_decay_index(big_url: str) -> None:
    asked = _asked(a_page("at_risk", big_url, slip_days="1 week"))
    about_slips = [(sql, values) for sql, values in asked if "next_change_at <=" in sql]
    assert len(about_slips) == 2
    for _, plan in _plans(big_url, about_slips):
        assert "customers_next_change" in plan


def _asked(page: AppTest) -> Statements:
    """The queries of one drawing of a page."""
    with _noted() as asked:
        html(page.run())
    return [(sql, values) for sql, values in asked if sql.lstrip().startswith(("SELECT", "WITH"))]


@contextmanager
def _noted() -> Iterator[Statements]:
    asked: Statements = []

    def note(*arguments: Any) -> None:
        # The read-ahead in the background is not a query of a page.
        if threading.current_thread().name != READ_AHEAD:
            asked.append((re.sub(r"\s+", " ", arguments[2]), arguments[3]))

    event.listen(Engine, "before_cursor_execute", note)
    yield asked
    event.remove(Engine, "before_cursor_execute", note)


def _plans(url: str, statements: Statements) -> Iterator[tuple[str, str]]:
    engine = connect(url)
    with engine.connect() as connection:
        for sql, values in statements:
            yield sql, "\n".join(connection.exec_driver_sql(f"EXPLAIN {sql}", values).scalars())
    engine.dispose()
