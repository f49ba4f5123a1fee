"""The caches: answers that may be some seconds old, and the closed part of the past."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Event
from time import sleep
from typing import cast

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from dashboard.shared.caching import (
    MAX_AGE,
    Answer,
    ClosedPast,
    KeptAnswers,
    PastReading,
    RecentAnswer,
    RefreshedAnswer,
    is_closed,
)
from dashboard.shared.reading import StreamProgress

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
THEN = StreamProgress(NOW, 2, 0, datetime(2011, 6, 15, tzinfo=UTC), datetime(2011, 6, 15, tzinfo=UTC), 100, 10, 0, 0, 0)
ON = replace(THEN, watermark=datetime(2011, 6, 20, tzinfo=UTC), transactions=900)

# The caches only pass it on.
CONNECTION = cast(Connection, object())


def _later(progress: StreamProgress, seconds: float) -> StreamProgress:
    return replace(progress, measured_at=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("now", "asked"),
    [
        (_later(THEN, 3_600), 1),
        (_later(ON, 1), 1),
        (_later(ON, MAX_AGE.total_seconds()), 2),
        (_later(replace(ON, transactions=5), 1), 2),
        (_later(replace(ON, watermark=None), 1), 2),
        (_later(replace(ON, forgotten=1), 1), 2),
    ],
    ids=["a stream at rest", "a moment ago", "too long ago", "begun anew", "no event time", "somebody is forgotten"],
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


def test_each_of_the_last_answers_is_kept_while_it_holds() -> None:
    kept, numbers = KeptAnswers[int](2), count(1)

    def ask(key: str, holds: bool = True) -> int:
        return kept.read(key, THEN, lambda _: holds, lambda: next(numbers))

    assert [ask("a"), ask("b"), ask("a")] == [1, 2, 1]
    assert [ask("c"), ask("a")] == [3, 1]
    # The answer that nobody had asked for longest is gone.
    assert ask("b") == 4
    assert ask("b", holds=False) == 5


@pytest.mark.parametrize(
    ("now", "at", "holds"),
    [
        (ON, datetime(2011, 6, 14, tzinfo=UTC), True),
        (ON, datetime(2011, 6, 15, tzinfo=UTC), False),
        (_later(THEN, 60), datetime(2011, 6, 15, tzinfo=UTC), True),
        (replace(ON, late=1), datetime(2011, 6, 14, tzinfo=UTC), False),
        (replace(ON, transactions=5), datetime(2011, 6, 14, tzinfo=UTC), False),
        (replace(ON, watermark=None), datetime(2011, 6, 14, tzinfo=UTC), False),
    ],
    ids=["a past moment", "the moment reached then", "at rest", "a late order", "begun anew", "no event time"],
)
def test_what_was_read_of_a_moment_holds_once_the_stream_has_passed_it(
    now: StreamProgress, at: datetime, holds: bool
) -> None:
    assert is_closed(THEN, now, at) == holds


class Past:
    """A source whose answer is the number of readings so far, and whose closed part is its answer."""

    def __init__(self) -> None:
        self.began_with: list[int | None] = []
        self.started = Event()
        self.may_finish = Event()
        self.may_finish.set()

    def read(self, _: Connection, __: StreamProgress, closed: int | None) -> PastReading[int, int]:
        """Note which closed part the reading begins with."""
        self.began_with.append(closed)
        self.started.set()
        self.may_finish.wait(300)
        return PastReading(len(self.began_with), len(self.began_with))


def _same_stream(before: StreamProgress, now: StreamProgress) -> bool:
    return before.transactions <= now.transactions


def test_a_reading_begins_with_the_closed_part_of_the_one_before() -> None:
    past = Past()
    cache = ClosedPast(past.read, _same_stream)
    assert [cache.read(CONNECTION, THEN), cache.read(CONNECTION, ON)] == [1, 2]
    assert past.began_with == [None, 1]


def test_a_closed_part_that_is_no_longer_valid_is_not_used() -> None:
    past = Past()
    cache = ClosedPast(past.read, _same_stream)
    cache.read(CONNECTION, ON)
    cache.read(CONNECTION, THEN)
    assert past.began_with == [None, None]


def test_while_one_session_reads_everything_another_waits_for_its_closed_part() -> None:
    past = Past()
    cache = ClosedPast(past.read, _same_stream)
    past.may_finish.clear()
    with ThreadPoolExecutor(2) as sessions:
        first = sessions.submit(cache.read, CONNECTION, THEN)
        assert past.started.wait(300)
        second = sessions.submit(cache.read, CONNECTION, THEN)
        past.may_finish.set()
        assert {first.result(), second.result()} == {1, 2}
    assert past.began_with == [None, 1]


class Question:
    """A question whose answer is the number of times that it was asked; each takes this many seconds of a clock."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now, self.asked = seconds, 0.0, 0
        self.asked_alone = Event()
        self.kept = RefreshedAnswer[int](lambda: self.now)

    def ask(self) -> int:
        """Ask within the page."""
        self.now += self.seconds
        self.asked += 1
        return self.asked

    def shown(self, now: StreamProgress) -> int:
        """What a page shows at a moment."""

        def alone() -> Answer[int]:
            try:
                return Answer(self.ask(), now)
            finally:
                self.asked_alone.set()

        return self.kept.read(now, self.ask, alone).value


def test_a_quick_answer_follows_the_stream_after_a_rest() -> None:
    question = Question(seconds=0.2)
    assert [question.shown(THEN), question.shown(_later(THEN, 9)), question.shown(_later(ON, 3))] == [1, 1, 1]
    assert question.shown(_later(ON, 5)) == 2
    assert not question.asked_alone.is_set()


def test_a_slow_answer_is_shown_while_the_next_one_is_made_in_the_background() -> None:
    question = Question(seconds=2.0)
    assert [question.shown(THEN), question.shown(_later(ON, 39)), question.shown(_later(ON, 41))] == [1, 1, 1]
    assert question.asked_alone.wait(300)
    while question.shown(_later(ON, 42)) == 1:
        sleep(0.01)
    assert question.shown(_later(ON, 42)) == question.asked == 2


def test_an_answer_that_nobody_has_looked_at_for_long_is_not_shown() -> None:
    question = Question(seconds=2.0)
    question.shown(THEN)
    assert question.shown(_later(ON, 121)) == 2
    assert not question.asked_alone.is_set()


def test_a_slow_answer_about_another_stream_is_not_shown() -> None:
    question = Question(seconds=2.0)
    question.shown(ON)
    assert question.shown(_later(THEN, 1)) == 2


def test_if_postgres_fails_in_the_background_the_last_answer_stays_and_the_next_page_tries_again() -> None:
    question, failed = Question(seconds=2.0), Event()

    def failing() -> Answer[int]:
        failed.set()
        raise SQLAlchemyError

    question.shown(THEN)
    assert question.kept.read(_later(ON, 41), question.ask, failing).value == 1
    assert failed.wait(300)
    while not question.asked_alone.wait(0.01):
        assert question.shown(_later(ON, 42)) == 1
    while question.shown(_later(ON, 42)) == 1:
        sleep(0.01)
