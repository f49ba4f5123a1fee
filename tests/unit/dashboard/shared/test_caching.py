"""The cache of answers that may be some seconds old."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from dashboard.shared.caching import MAX_AGE, RecentAnswer
from dashboard.shared.reading import StreamProgress

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
THEN = StreamProgress(NOW, 2, 0, datetime(2011, 6, 15, tzinfo=UTC), datetime(2011, 6, 15, tzinfo=UTC), 100, 10, 0, 0, 0)
ON = replace(THEN, event_time=datetime(2011, 6, 20, tzinfo=UTC), transactions=900)


def _later(progress: StreamProgress, seconds: float) -> StreamProgress:
    return replace(progress, measured_at=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("now", "asked"),
    [
        (_later(THEN, 3_600), 1),
        (_later(ON, 1), 1),
        (_later(ON, MAX_AGE.total_seconds()), 2),
        (_later(replace(ON, transactions=5), 1), 2),
        (_later(replace(ON, event_time=None), 1), 2),
    ],
    ids=["a stream at rest", "a moment ago", "too long ago", "begun anew", "no event time"],
)
def test_an_answer_is_kept_while_the_stream_rests_and_for_some_seconds_while_it_runs(
    now: StreamProgress, asked: int
) -> None:
    recent, numbers = RecentAnswer[int](), count(1)
    recent.read(THEN, lambda: next(numbers))
    assert recent.read(now, lambda: next(numbers)).value == asked


def test_an_answer_has_the_progress_of_its_reading() -> None:
    recent = RecentAnswer[int]()
    recent.read(THEN, lambda: 1)
    answer = recent.read(_later(ON, 1), lambda: 2)
    assert answer.progress == THEN
    assert not answer.is_current(_later(ON, 1))
    assert answer.is_current(_later(THEN, 1))
