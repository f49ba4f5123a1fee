"""The dashboard's entry point: it reads the settings and routes to the pages.

Started as ``streamlit run dashboard/app.py``, or by :mod:`dashboard.served` with a login.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import streamlit as st
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from dashboard.at_risk import page as at_risk
from dashboard.audiences import page as audiences
from dashboard.campaigns import page as campaigns
from dashboard.customer import page as customer
from dashboard.exploration import ledger_cache
from dashboard.exploration import page as exploration
from dashboard.live import page as live
from dashboard.model import page as model
from dashboard.operations import page as operations
from dashboard.segments import page as segments
from dashboard.shared import acts, connection, elements, login_page, style, trouble
from dashboard.shifts import page as shifts
from dashboard.shifts import revenue
from dashboard.simulator import page as simulator
from runtime.errors import SegueError
from runtime.money import Money
from runtime.settings import Settings


class MenuEntry(NamedTuple):
    """A page in the menu: the function that draws it, its title, its Material symbol and its path."""

    show: Callable[[Engine, Money], None]
    title: str
    icon: str
    path: str


# In the order of the menu; the first one is the start page.
PAGES = (
    MenuEntry(at_risk.show, "At risk", "trending_down", "at_risk"),
    MenuEntry(audiences.show, "Audiences", "groups", "audiences"),
    MenuEntry(live.show, "Live", "sensors", "live"),
    MenuEntry(shifts.show, "Shifts", "sync_alt", "shifts"),
    MenuEntry(segments.show, "Segments", "bubble_chart", "segments"),
    MenuEntry(campaigns.show, "Campaigns", "campaign", "campaigns"),
    MenuEntry(customer.show, "Customer", "person", "customer"),
    MenuEntry(simulator.show, "Simulator", "science", "simulator"),
    MenuEntry(exploration.show, "Data", "bar_chart", "data"),
    MenuEntry(model.show, "Model & drift", "hub", "model"),
    MenuEntry(operations.show, "Operations", "monitor_heart", "operations"),
)


NAME = "Segue"
#: Earlier addresses of the first page.
FORMER_PATHS = ("slipping",)


def main() -> None:
    """Draw the page that the URL names."""
    st.set_page_config(page_title=NAME, page_icon=style.MARK, layout="wide")
    st.logo(style.LOGO, size="large")
    style.apply()
    try:
        settings = Settings()
        login = settings.login
        engine = connection.engine(settings.dashboard_database)
    except (ValidationError, ArgumentError, SegueError) as error:
        st.html(elements.trouble(trouble.bad_settings(error)))
        return
    refused = acts.refusal(login)
    if refused is not None:
        st.html(elements.trouble(refused))
        return
    if login is not None:
        viewer = login_page.ask(login)
        if viewer is None:
            return
        login_page.way_out(viewer)
        if viewer.is_masked:
            masked = _masked(settings)
            if masked is None:
                return
            engine = masked
    # Their first readings take some seconds at a million transactions.
    connection.read_ahead(engine, ledger_cache.read)
    connection.read_ahead(engine, revenue.read)
    pages = [
        st.Page(
            partial(entry.show, engine, settings.money),
            title=entry.title,
            icon=f":material/{entry.icon}:",
            url_path=entry.path if entry is not PAGES[0] else "home",
            default=entry is PAGES[0],
        )
        for entry in PAGES
    ]
    # The first page is at the root, at its own path and at its earlier ones. A redirect would be a trap for "back".
    first = PAGES[0]
    by_name = [
        st.Page(partial(first.show, engine, settings.money), title=first.title, url_path=path, visibility="hidden")
        for path in (first.path, *FORMER_PATHS)
    ]
    chosen = st.navigation([*pages, *by_name], position="top")
    # The tab of a browser says which page it shows.
    st.set_page_config(page_title=f"{chosen.title} - {NAME}")
    chosen.run()


def _masked(settings: Settings) -> Engine | None:
    """The engine that sees masked ids; None if its user could see others, which is said instead."""
    try:
        engine = connection.masked_engine(settings.masked_database or "")
        with suppress(SQLAlchemyError), engine.connect():
            # If Postgres does not answer, the page says so; its next connection is checked in the same way.
            pass
    except (SegueError, ArgumentError) as error:
        st.html(elements.trouble(trouble.bad_settings(error)))
        return None
    return engine


main()
