"""One page of the dashboard in Streamlit's test harness, against a real Postgres."""

import re
from dataclasses import replace
from html import unescape
from typing import Any, NamedTuple, cast

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Element

from dashboard.shared import access
from dashboard.shared.access import Viewer
from runtime.money import Money
from tests.support.money import POUNDS

# Hostile values for URL parameters.
HOSTILE = ("' OR 1=1 --", "%", "\x00", "\x00" * 70, "<script>alert(1)</script>", "9" * 500)


def a_page(name: str, database_url: str, **query: str) -> AppTest:
    """The page ``dashboard.<name>.page`` with URL parameters, in pounds, not yet run."""
    return a_page_in(POUNDS, name, database_url, **query)


def a_page_in(money: Money, name: str, database_url: str, **query: str) -> AppTest:
    """The same with settings for another currency."""
    page = AppTest.from_function(_show, default_timeout=300, args=(name, database_url, money.currency, money.locale))
    for key, value in query.items():
        page.query_params[key] = value
    return page


def html(page: AppTest) -> str:
    """All HTML of a page; fails if the page raised an exception."""
    assert not page.exception, page.exception
    return "\n".join(block.value for block in cast("list[Element]", page.get("html")))


def words(page: AppTest) -> str:
    """The text of a page's HTML."""
    return unescape(re.sub(r"<[^>]*>", "", html(page)))


def log_in(page: AppTest, viewer: Viewer) -> None:
    """Let somebody look at a page whose browser has their login."""
    claims = {"iss": "https://id.example", "sub": viewer.actor.subject, "iat": 1}
    page.user = {"is_logged_in": True} | claims
    page.session_state[access.VIEWER] = replace(viewer, login=tuple(map(str, claims.values())))


class Written(NamedTuple):
    """A file that a page has offered."""

    name: str
    content: bytes


def written_files(patch: pytest.MonkeyPatch) -> list[Written]:
    """The files that pages offer from now on, each made when its button is drawn instead of when it is pressed."""
    written: list[Written] = []
    button = st.download_button

    def drawn(label: str, data: Any, file_name: str, *given: Any, **named: Any) -> bool:
        written.append(Written(file_name, data()))
        return button(label, written[-1].content, file_name, *given, **named)

    patch.setattr(st, "download_button", drawn)
    return written


def _show(name: str, database_url: str, currency: str, locale: str) -> None:
    """A script of its own: Streamlit runs its source."""
    from importlib import import_module

    from dashboard.shared import connection
    from runtime.money import Money

    import_module(f"dashboard.{name}.page").show(connection.engine(database_url), Money(currency, locale))
