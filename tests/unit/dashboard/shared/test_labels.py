"""Codes in plain words."""

from typing import get_args, get_type_hints

from dashboard.shared.labels import CAUSES, DEFAULT_PERIOD, PERIODS, cause, in_order
from data.contract.events import SegmentChange


def test_every_cause_that_the_stream_publishes_has_words() -> None:
    published = get_args(get_type_hints(SegmentChange)["cause"])
    assert {*CAUSES} == {*published}
    assert all(cause(code).phrase and cause(code).sentence for code in published)


def test_decay_is_called_time_alone() -> None:
    assert cause("decay").phrase == "time alone"


def test_an_unknown_cause_is_its_own_phrase() -> None:
    assert cause("price_rise").phrase == "price rise"


def test_causes_come_in_the_order_of_the_page_and_only_once() -> None:
    assert in_order(["zeal", "purchase", "decay", "purchase", "awe"]) == ["decay", "purchase", "awe", "zeal"]


def test_long_windows_are_drawn_in_weeks_and_short_ones_in_days() -> None:
    assert {key: period.bin_days for key, period in PERIODS.items()} == {"7": 1, "30": 1, "90": 1, "365": 7, "all": 7}


def test_a_window_reads_within_a_sentence() -> None:
    assert PERIODS[DEFAULT_PERIOD].phrase == "in the last 30 event days"
    assert PERIODS["all"].phrase == "since the beginning"
