"""Every page is in the currency of the stream and by the rules of the locale."""

import re
from typing import Any, cast

import pytest
from sqlalchemy import Engine, insert
from streamlit.testing.v1 import AppTest

from data.postgres.tables import stream_currency
from runtime.money import Money
from tests.support.money import EUROS, POUNDS, YEN
from tests.support.pages import a_page_in, html, words, written_files

CUSTOMER = "12303"
#: Pages with the choices that show as much money as possible.
PAGES: dict[str, dict[str, str]] = {
    "at_risk": {"slip_measure": "Money", "slip_days": "1 year"},
    "audiences": {"audience_net_spend_least": "1"},
    "shifts": {"shift_measure": "Money", "shift_period": "All"},
    "segments": {},
    "campaigns": {},
    "customer": {"customer": CUSTOMER},
    "simulator": {},
    "exploration": {},
    "model": {},
    "live": {},
    "operations": {},
}
# Without a campaign, the page of campaigns has no money: tests/integration/dashboard/campaigns has one.
WITHOUT_MONEY = {"operations", "campaigns"}

every_page = pytest.mark.parametrize("name", PAGES)


def _everything(page: AppTest) -> str:
    """The page's text, figures and labels."""
    figures = "".join(cast(Any, element).proto.spec for element in page.get("plotly_chart"))
    labels = "".join(str(getattr(element, "label", "")) for element in [*page.number_input, *page.text_input])
    return (html(page) + figures + labels).replace("\\u00a3", "£").replace("\\u20ac", "€").replace("\\u00a5", "¥")


@every_page
@pytest.mark.parametrize("money", [EUROS, YEN], ids=["euros", "yen"])
@pytest.mark.usefixtures("processed")
def test_a_page_is_in_the_currency_of_the_settings(name: str, database_url: str, money: Money) -> None:
    shown = _everything(a_page_in(money, name, database_url, **PAGES[name]).run())
    assert "£" not in shown
    assert "pound" not in shown.casefold()
    if name not in WITHOUT_MONEY:
        assert money.symbol in shown


@every_page
@pytest.mark.usefixtures("processed")
def test_the_currency_of_the_stream_has_precedence(name: str, database_url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(stream_currency).values(currency="EUR"))
    shown = _everything(a_page_in(POUNDS, name, database_url, **PAGES[name]).run())
    assert "£" not in shown
    if name not in WITHOUT_MONEY:
        assert "€" in shown


@pytest.mark.usefixtures("processed")
def test_a_german_shop_has_commas_before_the_cents(database_url: str) -> None:
    assert re.search(r"\d,\d\d\u00a0€", words(a_page_in(EUROS, "segments", database_url).run()))


@pytest.mark.usefixtures("processed")
def test_yen_have_no_decimals(database_url: str) -> None:
    page = a_page_in(YEN, "simulator", database_url).run()
    spend = page.number_input(key="simulator_monetary")
    assert (spend.label, spend.proto.format) == ("Spend (JP¥), net of returns", "%.0f")
    assert page.number_input(key="simulator_amount").min == 1.0


@pytest.mark.usefixtures("processed")
@pytest.mark.parametrize("name", ["at_risk", "shifts", "segments"])
def test_the_file_of_a_list_says_which_currency_its_plain_numbers_are_in(
    name: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = written_files(monkeypatch)
    html(a_page_in(EUROS, name, database_url).run())
    header, first, *_ = written[0].content.decode().splitlines()
    assert header.split(",")[-1] == "currency"
    assert first.split(",")[-1] == "EUR"
    assert "€" not in written[0].content.decode()
