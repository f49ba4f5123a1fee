"""Whatever is stored, a page shows it literally: names, ids, countries, reasons and datasets run and load nothing."""

import json
import re
from typing import Any

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

from tests.support.hostile import HIDDEN, ID, fill
from tests.support.pages import a_page, html, words

PAGES = ["at_risk", "audiences", "live", "shifts", "segments", "customer", "simulator", "exploration", "model"]
PAGES += ["operations"]


@pytest.fixture
def hostile(engine: Engine) -> Engine:
    """A stream in which every stored text is hostile."""
    fill(engine)
    return engine


@pytest.mark.parametrize("name", PAGES)
def test_a_hostile_text_is_shown_literally(name: str, database_url: str, hostile: Engine) -> None:
    with hostile.connect() as connection:
        customer = connection.execute(text("SELECT customer_id FROM segment_changes LIMIT 1")).scalar_one()
    query = {"customer": customer} if name in ("customer", "simulator") else {}
    page = a_page(name, database_url, **query).run()
    shown = html(page)
    assert "<img src=x" not in shown
    assert not HIDDEN.search(shown)
    if name != "exploration" or ID[:8] in words(page):
        assert r"\u202e" in shown
    for figure in page.get("plotly_chart"):
        _check_figure(json.loads(figure.proto.spec or "{}"))
    for label in _labels(page):
        assert not HIDDEN.search(label)
    for markdown in _markdown(page):
        assert "![" not in markdown
        assert not re.search(r"(?<!\\)[$\[<*`]", markdown)
        assert ":material/home:" not in markdown


@pytest.mark.parametrize("shown", [False, True])
@pytest.mark.parametrize("name", ["customer", "simulator"])
def test_a_link_opens_a_customer_whose_id_has_hidden_characters(
    name: str, shown: bool, database_url: str, hostile: Engine
) -> None:
    with hostile.connect() as connection:
        query = text("SELECT customer_id FROM customers WHERE last_purchase_at IS NOT NULL LIMIT 1")
        customer = connection.execute(query).scalar_one()
    typed = customer.encode("unicode_escape").decode() if shown else customer
    page = a_page(name, database_url, customer=typed).run()
    assert "does not exist" not in words(page)
    assert "No customer" not in words(page)
    assert customer[:5] in words(page) or name == "simulator"


def test_a_link_on_a_page_leads_to_the_exact_id() -> None:
    from urllib.parse import parse_qs, urlsplit

    from dashboard.shared.elements import customer_link

    found = re.search('href="([^"]*)"', customer_link(ID))
    assert found is not None
    assert parse_qs(urlsplit(found[1]).query) == {"customer": [ID]}


def _check_figure(node: Any) -> None:
    """No text of a figure has a foreign tag, a template of its own or a hidden character."""
    if isinstance(node, dict):
        for value in node.values():
            _check_figure(value)
    elif isinstance(node, list):
        for value in node:
            _check_figure(value)
    elif isinstance(node, str):
        assert "<img" not in node
        assert "%{x}$" not in node
        if "![p]" in node and not node.endswith(ID):
            assert not HIDDEN.search(node)


def _markdown(page: AppTest) -> list[str]:
    """Texts that Streamlit reads as Markdown."""
    groups = [each.proto for kind in ("button_group",) for each in page.get(kind)]
    options = [option.content for proto in groups for option in proto.options]
    return [*options, *(toggle.label for toggle in page.toggle)]


def _labels(page: AppTest) -> list[str]:
    boxes = [option for box in [*page.selectbox, *page.multiselect] for option in box.options]
    return [*boxes, *_markdown(page)]
