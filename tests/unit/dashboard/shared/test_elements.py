"""The text parts of a page: their words, and that names from outside are escaped."""

import re
from datetime import UTC, datetime
from html import unescape
from urllib.parse import parse_qs

import pandas as pd

from dashboard.shared import elements
from dashboard.shared.personas import Persona, Personas
from dashboard.shared.reading import StreamProgress
from dashboard.shared.trouble import Trouble
from tests.support.money import POUNDS

NASTY = "<script>alert(1)</script>"
KNOWN: Personas = {
    "best": Persona("best", "Best", "#00aa00", "They buy.", "Thank them."),
    "lost": Persona("lost", NASTY, "#aa0000", NASTY, NASTY),
}
NOW = datetime(2011, 6, 15, 9, 30, tzinfo=UTC)


def _progress(watermark: datetime | None = NOW, newest: datetime | None = NOW, silent: int = 0) -> StreamProgress:
    return StreamProgress(NOW, 4, silent, watermark, newest, 1_000, 200, 3, 2, 1)


def _words(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", html))


def test_an_opening_page_says_reading_and_its_title() -> None:
    assert "Reading … Data" in " ".join(_words(elements.opening("Data", "What has been streamed.")).split())


def test_the_table_of_changes_has_customer_move_and_cause() -> None:
    words = _words(elements.change_table(_changes("17850"), KNOWN, POUNDS))
    assert re.search(r"15 Jun 2011, 09:30\s+17850\s+New customer\s+→\s+Best\s+first purchase", words)
    assert re.search(r"same day\s+1\s+£1,234.50", words)


def test_nothing_from_outside_becomes_markup() -> None:
    parts = [
        elements.change_table(_changes(NASTY, cause=NASTY, segment="lost"), KNOWN, POUNDS),
        elements.cause_legend([NASTY], NASTY),
        elements.title(NASTY, NASTY),
        elements.trouble(Trouble(NASTY, NASTY, NASTY)),
        elements.banner(Trouble(NASTY, NASTY, NASTY)),
    ]
    for part in parts:
        assert "alert(1)" in part
        assert "<script" not in part


def test_a_command_in_a_next_step_is_set_as_code() -> None:
    assert "<code>segue up</code>" in elements.trouble(Trouble("", "", "Run `segue up`."))


def _changes(customer: str, cause: str = "first_purchase", segment: str = "best") -> pd.DataFrame:
    row = {"effective_at": NOW, "customer_id": customer, "from_segment": "", "to_segment": segment, "cause": cause}
    return pd.DataFrame([row | {"recency_days": 0, "frequency": 1, "monetary": 1234.5}])


def test_a_heading_says_as_of_which_event_time() -> None:
    words = _words(elements.heading(NASTY, "What it is for.", _progress()))
    assert NASTY in words
    assert "As of event time 15 Jun 2011, 09:30 (UTC)" in words
    assert "No event time yet" in elements.heading("Page", "", _progress(watermark=None))


def test_a_link_to_a_customer_survives_any_name() -> None:
    link = elements.customer_link("a&b c\"'<>/?#=ü")
    address = re.search(r'href="(.*?)"', link)
    assert address
    assert parse_qs(address[1].removeprefix("customer?")) == {"customer": ["a&b c\"'<>/?#=ü"]}
    assert "<>" not in link


def test_links_carry_the_past_day_that_is_chosen() -> None:
    link = re.search(r'href="(.*?)"', elements.customer_link("a&b", NOW))
    assert link
    assert parse_qs(unescape(link[1]).removeprefix("customer?")) == {"customer": ["a&b"], "as_of": ["2011-06-15"]}
    assert elements.address("at_risk") == "at_risk"
    assert 'as_of=2011-06-15"' in elements.change_table(_changes("17850"), KNOWN, POUNDS, NOW)


def test_the_heading_of_a_past_day_has_no_other_moment() -> None:
    words = _words(elements.heading("Page", "", _progress(), datetime(2010, 11, 2, tzinfo=UTC)))
    assert "As of the past day 2 Nov 2010, 00:00 (UTC)" in words
    assert "2011" not in words
