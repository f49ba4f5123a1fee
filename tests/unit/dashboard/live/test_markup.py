"""The text of the live page: what it says, and that names from outside are escaped."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pandas as pd

from dashboard.live import markup
from dashboard.live.throughput import Pace
from dashboard.shared.labels import PERIODS
from dashboard.shared.personas import Persona, Personas
from dashboard.shared.reading import StreamProgress
from models.typical import Typical, TypicalRange
from tests.support.money import POUNDS

NASTY = "<script>alert(1)</script>"
KNOWN: Personas = {
    "best": Persona("best", "Best", "#00aa00", "They buy.", "Thank them."),
    "lost": Persona("lost", NASTY, "#aa0000", NASTY, NASTY),
}
NOW = datetime(2011, 6, 15, 9, 30, tzinfo=UTC)
PERIOD = PERIODS["30"]


def _progress(watermark: datetime | None = NOW, newest: datetime | None = NOW, silent: int = 0) -> StreamProgress:
    return StreamProgress(NOW, 4, silent, watermark, newest, 1_000, 200, 3, 2, 1)


def test_the_clock_shows_event_time_and_its_speed() -> None:
    words = _words(markup.event_clock(_progress(newest=NOW + timedelta(hours=5)), Pace(80.0, 1.5)))
    assert "Event time" in words
    assert "Wed 15 June 2011" in words
    assert "1.5 days per second · 4 partitions, 5 hours apart" in words


def test_a_clock_says_that_event_time_does_not_move() -> None:
    assert "not moving" in _words(markup.event_clock(_progress(), Pace(0.0, 0.0)))
    for unknown in (None, Pace(0.0, None)):
        assert "not moving" not in _words(markup.event_clock(_progress(), unknown))


def test_without_event_time_the_clock_counts_the_silent_partitions() -> None:
    words = _words(markup.event_clock(_progress(watermark=None, silent=1), None))
    assert "Not started" in words
    assert "1 of 4 partitions without a tick yet" in words


def test_time_alone_is_measured_against_moves_between_segments_not_first_purchases() -> None:
    flows = _flows(("best", "lost", "decay", 6), ("lost", "best", "purchase", 4), ("", "best", "first_purchase", 90))
    words = _words(markup.cause_bars(flows, PERIOD))
    assert "60%" in words
    assert "of 10 moves between segments in the last 30 event days" in words
    assert "90 customers bought for the first time" in words


def test_a_quiet_window_says_so() -> None:
    words = _words(markup.cause_bars(_flows(("", "best", "first_purchase", 1)), PERIOD))
    assert "No customer moved in the last 30 event days" in words
    assert "1 customer bought for the first time" in words


def test_a_card_shows_size_share_net_flow_and_who_is_about_to_leave() -> None:
    flows = _flows(("best", "lost", "decay", 6), ("lost", "best", "purchase", 4), ("", "best", "first_purchase", 9))
    words = _words(
        markup.segment_cards(_sizes(("best", 30, 5), ("lost", 10, 0), ("", 2, 0)), flows, KNOWN, PERIOD, POUNDS)
    )
    assert "£1.23m spend so far" in " ".join(words.split())
    best, lost = words.split("alert(1)")[:2]
    assert re.search(r"Best\s+30\s+75%", best)
    assert re.search(r"▲ \+7\s+13 in · 6 out", best)
    assert re.search(r"5\s+leave within 30 days unless they buy", best)
    assert re.search(r"▲ \+2\s+6 in · 4 out", lost)
    assert "2 customers only ever returned goods" in words


def test_a_card_says_what_is_typical_and_no_more_than_the_numbers_keep() -> None:
    typical = Typical(TypicalRange(0, 1, 46, 123), TypicalRange(1, 7, 25, 101), TypicalRange(9, 2_103, 15_841, 99_000))
    known = {"best": KNOWN["best"]._replace(typical=typical)}
    words = _words(markup.segment_cards(_sizes(("best", 3, 0)), _flows(), known, PERIOD, POUNDS))
    assert "eight in ten bought 1 to 46 days ago" in words
    assert "They buy." not in words


def test_a_segment_of_an_earlier_model_keeps_its_card_while_customers_are_in_it() -> None:
    assert "Old Guard" in _words(markup.segment_cards(_sizes(("old_guard", 3, 0)), _flows(), KNOWN, PERIOD, POUNDS))


def test_dead_letters_raise_an_alarm_and_their_absence_does_not() -> None:
    assert "sg-alarm" in markup.totals(_progress(), 5)
    none = StreamProgress(NOW, 4, 0, NOW, NOW, 1_000, 200, 3, 2, 0)
    assert "sg-alarm" not in markup.totals(none, 5)


def test_nothing_from_outside_becomes_markup() -> None:
    parts = [
        markup.segment_cards(_sizes(("lost", 1, 0)), _flows(), KNOWN, PERIOD, POUNDS),
        markup.cause_bars(_flows(("best", "lost", NASTY, 1)), PERIOD),
    ]
    for part in parts:
        assert "alert(1)" in part
        assert "<script" not in part


def _flows(*rows: tuple[str, str, str, int]) -> pd.DataFrame:
    return pd.DataFrame([*rows], columns=["from_segment", "to_segment", "cause", "changes"])


def _sizes(*rows: tuple[str, int, int]) -> pd.DataFrame:
    return pd.DataFrame([*rows], columns=["segment", "customers", "due"]).assign(spent=1_234_567)


def _words(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", html))
