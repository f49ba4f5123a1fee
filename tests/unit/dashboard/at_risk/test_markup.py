"""The text of the page "At risk"."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import numpy as np

from dashboard.at_risk import markup
from dashboard.shared.personas import Persona, Personas
from dashboard.shared.risk_list import RiskList, risk_list
from data.postgres.customer_columns import Coded, CustomerColumns, Ids
from models.rhythm.histories import Histories
from models.rhythm.seasonal_clock import NEVER
from models.units import to_micros
from tests.support.money import POUNDS
from tests.support.rhythm import a_rhythm

NASTY = "<script>alert(1)</script>"
KNOWN: Personas = {"best": Persona("best", NASTY, "#00aa00"), "lost": Persona("lost", "Lost", "#aa0000")}
NOW = datetime(2011, 9, 1, tzinfo=UTC)


def a_list(next_change: datetime | None, country: str = "Eire") -> RiskList:
    """One customer, who bought every ten days for a year and is silent for 60."""
    last = NOW - timedelta(days=60)
    customers = CustomerColumns(
        Ids.from_texts([NASTY]),
        Coded(np.array([0]), (country,)),
        Coded(np.array([0]), ("best", "lost")),
        Histories(np.array([to_micros(last - timedelta(days=360))]), np.array([to_micros(last)]), np.array([37])),
        np.array([12_345.6]),
        np.array([NEVER if next_change is None else to_micros(next_change)]),
        Coded(np.array([1]), ("best", "lost")),
    )
    return risk_list(customers, a_rhythm(), NOW)


def row(next_change: datetime | None) -> str:
    return words(markup.table(a_list(next_change), np.array([0]), KNOWN, POUNDS))


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def test_a_row_says_why_in_which_state_since_when_and_what_is_at_stake() -> None:
    found = a_list(None)
    own, shown = found.own(0), row(None)
    assert "buys every 10 days, silent for 60 days Overdue since " in shown
    assert f"{POUNDS.exact(own.at_stake)} at stake {100 * own.p_order:.0f}% back within 90 days" in shown
    assert "£12,345.60 Eire" in shown


def test_the_day_by_time_alone_is_a_date_never_or_beyond_two_years() -> None:
    assert "Lost 9 Nov 2011" in row(datetime(2011, 11, 9, tzinfo=UTC))
    assert "Lost beyond two years" in row(datetime(2147, 3, 1, tzinfo=UTC))
    assert " never " in row(None)


def test_stored_texts_are_escaped() -> None:
    html = markup.table(a_list(None, NASTY), np.array([0]), KNOWN, POUNDS)
    assert "<script" not in html
    assert html.count("&lt;script") == 3


def test_the_headline_adds_up_all_states() -> None:
    states = a_list(None).by_state(np.array([0]))
    assert words(markup.headline(states, POUNDS)).startswith(
        f"{POUNDS.short(sum(s for _, s in states.values()))} at st"
    )
    assert "1 customer What these customers would spend" in words(markup.headline(states, POUNDS))
    assert "1 overdue" in words(markup.tiles(states, POUNDS))
