"""The queries that every page needs, against a real Postgres; pandas on the same rows is the oracle."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text, update
from sqlalchemy.exc import InternalError, OperationalError

from dashboard.exploration import ledger_cache
from dashboard.shared import history, reading
from dashboard.shared.caching import ClosedPast
from dashboard.shifts import revenue
from data.postgres.model_registry import register
from data.postgres.tables import metadata, model_aliases, stream_progress
from models.segment_model import SegmentModel
from tests.support.generated_tables import EVENT_TIME, PARTITIONS, Stored


def test_there_is_no_champion_before_a_model_is_registered(engine: Engine, model: SegmentModel) -> None:
    metadata.create_all(engine)
    with reading.reading(engine) as connection:
        assert reading.champion(connection) is None
    register(engine, model)
    with reading.reading(engine) as connection:
        assert reading.champion(connection) == model


def test_the_champion_is_the_model_that_the_alias_points_to(filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(model_aliases.delete())
    with reading.reading(filled) as connection:
        assert reading.champion(connection) is None


def test_progress_adds_up_the_partitions(filled: Engine, stream: Stored) -> None:
    with reading.reading(filled) as connection:
        progress = reading.progress(connection)
    rows = stream.progress
    assert progress.partitions == PARTITIONS
    assert progress.silent == 0
    assert progress.changes == len(stream.changes)
    for counter in ("transactions", "duplicates", "late", "dead_letters"):
        assert getattr(progress, counter) == rows[counter].sum()


def test_event_time_is_that_of_the_slowest_partition(filled: Engine) -> None:
    with reading.reading(filled) as connection:
        progress = reading.progress(connection)
    assert progress.watermark == EVENT_TIME
    assert progress.newest_watermark == EVENT_TIME + timedelta(hours=5)


def test_there_is_no_event_time_while_a_partition_is_silent(filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(update(stream_progress).where(stream_progress.c.partition == 1).values(event_time=None))
    with reading.reading(filled) as connection:
        progress = reading.progress(connection)
    assert progress.watermark is None
    assert progress.silent == 1


def test_progress_before_anything_is_streamed_is_zero(engine: Engine) -> None:
    metadata.create_all(engine)
    with reading.reading(engine) as connection:
        progress = reading.progress(connection)
    assert progress.watermark is None
    assert (progress.partitions, progress.transactions, progress.changes, progress.dead_letters) == (0, 0, 0, 0)


def test_a_reading_block_cannot_write(filled: Engine) -> None:
    with reading.reading(filled) as connection, pytest.raises(InternalError, match="read-only"):
        connection.execute(stream_progress.delete())


def test_a_reading_block_sees_one_moment(filled: Engine) -> None:
    with reading.reading(filled) as connection:
        before = reading.progress(connection)
        with filled.begin() as other:
            other.execute(update(stream_progress).values(transactions=10_000_000))
        assert reading.progress(connection) == before
    with reading.reading(filled) as connection:
        assert reading.progress(connection).transactions == PARTITIONS * 10_000_000


def test_a_query_that_takes_too_long_is_cancelled(engine: Engine) -> None:
    with reading.reading(engine, timeout_ms=50) as connection, pytest.raises(OperationalError, match="timeout"):
        connection.execute(text("SELECT pg_sleep(20)"))


@pytest.mark.parametrize("new_cache", [history.new_cache, revenue.new_cache, ledger_cache.new_cache])
def test_what_reads_the_past_has_two_minutes_the_first_time_and_after_a_long_time_without_a_reader(
    filled: Engine, new_cache: Callable[[], ClosedPast[Any, Any]]
) -> None:
    cache = new_cache()
    for later in (timedelta(), timedelta(days=200)):
        with filled.begin() as connection:
            connection.execute(update(stream_progress).values(event_time=EVENT_TIME + later))
        with reading.reading(filled) as connection:
            progress = reading.progress(connection)
            with _limits(filled) as limits:
                cache.read(connection, progress)
        assert limits
        assert {*limits} == {"2min"}


@contextmanager
def _limits(engine: Engine) -> Iterator[list[str]]:
    """The statement timeout of each statement about changes or transactions within the block."""
    seen: list[str] = []

    def note(connection: Any, _: object, statement: str, *__: object) -> None:
        if "segment_changes" in statement or "FROM transactions" in statement:
            seen.append(connection.connection.cursor().execute("SHOW statement_timeout").fetchone()[0])

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)
