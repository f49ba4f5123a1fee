"""The sentence about the moves of the last whole event day."""

import re
from datetime import UTC, datetime

import pandas as pd

from dashboard.live import today
from dashboard.shared.reading import StreamProgress
from tests.support.money import POUNDS

NOW = datetime(2011, 6, 15, 9, 30, tzinfo=UTC)
COLUMNS = ["day", "from_segment", "to_segment", "cause", "changes", "money"]


def test_the_sentence_counts_slips_climbs_and_first_purchases_of_the_last_whole_day_only() -> None:
    shown = _sentence(
        (14, "champions", "lost", "decay", 2, 2_000.0),
        (14, "champions", "lost", "return", 1, 400.0),
        (14, "lost", "champions", "purchase", 1, 10.0),
        (14, "", "champions", "first_purchase", 3, 9.0),
        (15, "champions", "lost", "decay", 50, 9.0),
        (13, "champions", "lost", "decay", 50, 9.0),
    )
    assert shown == (
        "Tue 14 June 2011, the last whole day: 3 customers (spend so far: £2.4k) slipped out of a good segment, "
        "1 customer climbed to a better one and 3 customers bought for the first time."
    )


def test_kinds_without_a_move_are_left_out() -> None:
    assert _sentence((14, "", "champions", "first_purchase", 1, 9.0)) == (
        "Tue 14 June 2011, the last whole day: 1 customer bought for the first time."
    )


def test_a_quiet_day_is_a_sentence_too() -> None:
    quiet = "Tue 14 June 2011, the last whole day: no customer moved."
    assert _sentence((15, "", "champions", "first_purchase", 1, 9.0)) == quiet
    assert _sentence() == quiet


def test_before_event_time_begins_there_is_no_day() -> None:
    assert today.sentence(pd.DataFrame([], columns=COLUMNS), _progress(None), POUNDS) == ""


def _sentence(*rows: tuple[int, str, str, str, int, float]) -> str:
    days = pd.DataFrame([(datetime(2011, 6, day, tzinfo=UTC), *rest) for day, *rest in rows], columns=COLUMNS)
    html = today.sentence(days, _progress(NOW), POUNDS)
    assert 'href="./"' in html
    return re.sub(r"<[^>]*>", "", html).removesuffix(" Who is at risk?")


def _progress(watermark: datetime | None) -> StreamProgress:
    return StreamProgress(NOW, 1, 0, watermark, watermark, 1, 1, 0, 0, 0)
