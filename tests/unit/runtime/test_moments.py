"""A moment is read in every form in which people and programs write it."""

from datetime import UTC, datetime

import pytest

from runtime.moments import parse_moment

MINUTE = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2010-12-01", MINUTE.replace(hour=0, minute=0)),
        (" 2010-12-01 08:26 UTC ", MINUTE),
        ("2010-12-01T08:26:00Z", MINUTE),
        ("2010-12-01T10:26:00+02:00", MINUTE),
    ],
)
def test_a_day_is_its_first_moment_and_a_moment_without_a_zone_is_utc(text: str, moment: datetime) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize("text", ["", "tomorrow", "0001-01-01T00:00+14:00", "9" * 400])
def test_what_is_no_moment_is_refused_in_one_line_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="is not a moment: write 2010-12-01") as refused:
        parse_moment(text)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 150
