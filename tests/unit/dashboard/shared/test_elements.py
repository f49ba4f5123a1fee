"""The parts of the page that are text: what they say, and that they only ever say it as text."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs

import pandas as pd

from dashboard.shared import elements
from dashboard.shared.personas import Persona, Personas
from dashboard.shared.reading import StreamProgress
from dashboard.pages.live.throughput import Pace
from dashboard.shared.trouble import Trouble
from dashboard.shared.words import WINDOWS

NASTY = "<script>alert(1)</script>"
KNOWN: Personas = {
    "best": Persona("best", "Best", "#00aa00", "They buy.", "Thank them."),
    "lost": Persona("lost", NASTY, "#aa0000", NASTY, NASTY),
}
NOW = datetime(2011, 6, 15, 9, 30, tzinfo=UTC)
WINDOW = WINDOWS["30"]


def _progress(event_time: datetime | None = NOW, newest: datetime | None = NOW, silent: int = 0) -> StreamProgress:
    return StreamProgress(NOW, 4, silent, event_time, newest, 1_000, 200, 3, 2, 1)


def _flows(*rows: tuple[str, str, str, int]) -> pd.DataFrame:
    return pd.DataFrame([*rows], columns=["from_segment", "to_segment", "cause", "changes"])


def _sizes(*rows: tuple[str, int, int]) -> pd.DataFrame:
    return pd.DataFrame([*rows], columns=["segment", "customers", "due"]).assign(spent=1_234_567)


def _words(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", html))


def test_the_clock_tells_event_time_and_how_fast_it_passes() -> None:
    words = _words(elements.event_clock(_progress(newest=NOW + timedelta(hours=5)), Pace(80.0, 1.5)))
    assert "Event time" in words
    assert "Wed 15 June 2011" in words
    assert "passing 1.5 days a second · 4 partitions, 5 hours apart" in words


def test_a_clock_that_does_not_move_stands_still() -> None:
    assert "standing still" in _words(elements.event_clock(_progress(), Pace(0.0, 0.0)))
    for unknown in (None, Pace(0.0, None)):
        assert "standing still" not in _words(elements.event_clock(_progress(), unknown))


def test_without_event_time_the_clock_says_who_is_missing() -> None:
    words = _words(elements.event_clock(_progress(event_time=None, silent=1), None))
    assert "Not started" in words
    assert "1 of 4 partitions not heard from yet" in words


def test_time_alone_is_measured_against_moves_between_segments_not_first_purchases() -> None:
    flows = _flows(("best", "lost", "decay", 6), ("lost", "best", "purchase", 4), ("", "best", "first_purchase", 90))
    words = _words(elements.cause_bars(flows, WINDOW))
    assert "60%" in words
    assert "of 10 moves between segments in the last 30 event days" in words
    assert "90 customers arrived with a first purchase" in words


def test_a_page_that_is_being_read_says_so_under_its_own_name() -> None:
    assert "Reading … Data" in " ".join(_words(elements.opening("Data", "What has been streamed.")).split())


def test_a_quiet_window_says_so() -> None:
    words = _words(elements.cause_bars(_flows(("", "best", "first_purchase", 1)), WINDOW))
    assert "Nobody moved in the last 30 event days" in words
    assert "1 customer arrived" in words


def test_a_card_shows_size_share_net_flow_and_who_is_about_to_leave() -> None:
    flows = _flows(("best", "lost", "decay", 6), ("lost", "best", "purchase", 4), ("", "best", "first_purchase", 9))
    words = _words(elements.segment_cards(_sizes(("best", 30, 5), ("lost", 10, 0), ("", 2, 0)), flows, KNOWN, WINDOW))
    assert "£1.23m spent so far" in " ".join(words.split())
    best, lost = words.split("alert(1)")[:2]
    assert re.search(r"Best\s+30\s+75%", best)
    assert re.search(r"▲ \+7\s+13 in · 6 out", best)
    assert re.search(r"5\s+leave within 30 days unless they buy", best)
    assert re.search(r"▲ \+2\s+6 in · 4 out", lost)
    assert "2 customers only ever returned goods" in words


def test_a_segment_of_an_earlier_model_keeps_its_card_while_somebody_is_in_it() -> None:
    assert "Old Guard" in _words(elements.segment_cards(_sizes(("old_guard", 3, 0)), _flows(), KNOWN, WINDOW))


def test_dead_letters_raise_an_alarm_and_their_absence_does_not() -> None:
    assert "sg-alarm" in elements.totals(_progress(), 5)
    none = StreamProgress(NOW, 4, 0, NOW, NOW, 1_000, 200, 3, 2, 0)
    assert "sg-alarm" not in elements.totals(none, 5)


def test_the_latest_changes_say_who_went_where_and_why() -> None:
    words = _words(elements.change_table(_changes("17850"), KNOWN))
    assert re.search(r"15 Jun 2011, 09:30\s+17850\s+New customer\s+→\s+Best\s+first purchase", words)
    assert re.search(r"today\s+1\s+£1,235", words)


def test_nothing_from_outside_becomes_markup() -> None:
    parts = [
        elements.change_table(_changes(NASTY, cause=NASTY, segment="lost"), KNOWN),
        elements.segment_cards(_sizes(("lost", 1, 0)), _flows(), KNOWN, WINDOW),
        elements.cause_bars(_flows(("best", "lost", NASTY, 1)), WINDOW),
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
    assert "No event time yet" in elements.heading("Page", "", _progress(event_time=None))


def test_a_link_to_a_customer_survives_any_name() -> None:
    link = elements.customer_link("a&b c\"'<>/?#=ü")
    address = re.search(r'href="(.*?)"', link)
    assert address
    assert parse_qs(address[1].removeprefix("customer?")) == {"customer": ["a&b c\"'<>/?#=ü"]}
    assert "<>" not in link
