"""How numbers, money and moments are written."""

import doctest
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from dashboard.shared import style
from runtime import counts

NOON = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)


@pytest.mark.parametrize("module", [style, counts])
def test_the_examples_in_the_docstrings_hold(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("moment", [NOON, NOON.astimezone(timezone(timedelta(hours=9)))])
def test_moments_are_written_in_utc_wherever_they_come_from(moment: datetime) -> None:
    assert style.day(moment) == "Fri 9 December 2011"
    assert style.clock(moment) == "12:50"
    assert style.stamp(moment) == "9 Dec 2011, 12:50"


def test_shares_are_whole_per_cent_and_little_is_not_nothing() -> None:
    assert [style.percent(part, 1_000) for part in (0, 1, 9, 10, 556, 1_000)] == [
        "0%",
        "<1%",
        "<1%",
        "1%",
        "56%",
        "100%",
    ]


def test_the_word_of_the_logo_ends_within_the_picture_in_any_font() -> None:
    width, start, length = (
        float(match[1])
        for pattern in (r'viewBox="0 0 (\d+) ', r'<text x="(\d+)"', r'textLength="(\d+)"')
        if (match := re.search(pattern, style.LOGO))
    )
    assert start + length < width
