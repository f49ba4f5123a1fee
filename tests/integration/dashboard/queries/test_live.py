"""The dashboard's questions against a real Postgres; pandas on the same rows is the oracle."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import Connection, Engine, event, insert, text, update
from sqlalchemy.exc import InternalError, OperationalError

from dashboard.queries import live as queries
from dashboard.queries import reading
from dashboard.views.live import read
from dashboard.words import WINDOWS
from data.registry import register
from data.tables import metadata, model_aliases, segment_changes, stream_progress
from models.segment_model import SegmentModel
from tests.support.stored import EVENT_TIME, PARTITIONS, Stored, a_stream, store

WINDOW_DAYS = [window.days for window in WINDOWS.values()]


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


def test_event_time_is_what_every_partition_has_reached(filled: Engine) -> None:
    with reading.reading(filled) as connection:
        progress = reading.progress(connection)
    assert progress.event_time == EVENT_TIME
    assert progress.newest_event_time == EVENT_TIME + timedelta(hours=5)


def test_there_is_no_event_time_while_a_partition_is_silent(filled: Engine) -> None:
    with filled.begin() as connection:
        connection.execute(update(stream_progress).where(stream_progress.c.partition == 1).values(event_time=None))
    with reading.reading(filled) as connection:
        progress = reading.progress(connection)
    assert progress.event_time is None
    assert progress.silent == 1


def test_progress_of_nothing_is_all_zero(engine: Engine) -> None:
    metadata.create_all(engine)
    with reading.reading(engine) as connection:
        progress = reading.progress(connection)
    assert progress.event_time is None
    assert (progress.partitions, progress.transactions, progress.changes, progress.dead_letters) == (0, 0, 0, 0)


def test_segment_sizes_count_customers_and_those_about_to_leave(filled: Engine, stream: Stored) -> None:
    horizon = EVENT_TIME + timedelta(days=30)
    with reading.reading(filled) as connection:
        sizes = queries.segment_sizes(connection, horizon).set_index("segment")
    people = stream.customers.assign(segment=stream.customers["segment"].fillna(""))
    due = pd.to_datetime(people["next_change_at"], utc=True) <= horizon
    assert sizes["customers"].to_dict() == people.groupby("segment").size().to_dict()
    assert sizes["due"].to_dict() == due.groupby(people["segment"]).sum().to_dict()
    assert sizes.loc["", "customers"] > 0


def test_nobody_is_about_to_leave_before_event_time_begins(filled: Engine) -> None:
    with reading.reading(filled) as connection:
        assert queries.segment_sizes(connection, None)["due"].sum() == 0


@pytest.mark.parametrize("days", WINDOW_DAYS)
def test_flows_count_the_changes_of_a_window(filled: Engine, stream: Stored, days: int | None) -> None:
    since = queries.window_start(EVENT_TIME, days)
    with reading.reading(filled) as connection:
        flows = queries.flows(connection, since)
    inside = _inside(stream, since)
    keys = zip(inside["from_segment"].fillna(""), inside["to_segment"], inside["cause"], strict=True)
    answer = {(row.from_segment, row.to_segment, row.cause): row.changes for row in flows.itertuples()}
    assert answer == Counter(keys)


@pytest.mark.parametrize("days", WINDOW_DAYS)
@pytest.mark.parametrize("bin_days", [1, 7])
def test_the_rhythm_puts_every_change_of_a_window_in_one_bin(
    filled: Engine, stream: Stored, days: int | None, bin_days: int
) -> None:
    since = queries.window_start(EVENT_TIME, days)
    with reading.reading(filled) as connection:
        rhythm = queries.rhythm(connection, since, bin_days)
    origin = since or datetime(2011, 1, 3, tzinfo=UTC)
    inside = _inside(stream, since)
    whole_bins = (inside["effective_at"] - origin) // timedelta(days=bin_days)
    expected = Counter(zip(origin + whole_bins * timedelta(days=bin_days), inside["cause"], strict=True))
    assert {(row.at, row.cause): row.changes for row in rhythm.itertuples()} == expected
    assert rhythm["at"].is_monotonic_increasing


def test_a_window_begins_at_midnight_and_has_today_in_it() -> None:
    assert queries.window_start(EVENT_TIME, 1) == datetime(2011, 6, 15, tzinfo=UTC)
    assert queries.window_start(EVENT_TIME, 30) == datetime(2011, 5, 17, tzinfo=UTC)
    assert queries.window_start(EVENT_TIME, None) is None
    assert queries.window_start(None, 30) is None


def test_a_change_at_the_very_beginning_of_a_window_is_in_it(filled: Engine, model: SegmentModel) -> None:
    midnight = datetime(2012, 3, 1, tzinfo=UTC)
    with filled.begin() as connection:
        connection.execute(insert(segment_changes), [_change(model, "a", midnight)])
        connection.execute(insert(segment_changes), [_change(model, "b", midnight - timedelta(microseconds=1))])
    with reading.reading(filled) as connection:
        assert queries.flows(connection, midnight)["changes"].sum() == 1


def test_the_latest_changes_come_newest_first(filled: Engine, stream: Stored) -> None:
    with reading.reading(filled) as connection:
        latest = queries.latest_changes(connection, 10)
    newest = stream.changes.sort_values(["effective_at", "customer_id"], ascending=[False, True]).head(10)
    for column in ("customer_id", "sequence", "to_segment", "cause", "recency_days", "frequency"):
        assert latest[column].tolist() == newest[column].tolist()
    assert latest["from_segment"].tolist() == newest["from_segment"].fillna("").tolist()
    assert latest["monetary"].astype(float).tolist() == newest["monetary"].tolist()


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


def test_a_question_that_takes_too_long_is_given_up(engine: Engine) -> None:
    with reading.reading(engine, timeout_ms=50) as connection, pytest.raises(OperationalError, match="timeout"):
        connection.execute(text("SELECT pg_sleep(20)"))


def test_a_refresh_at_26_000_changes_is_cheap_and_reads_a_window_through_the_index(
    engine: Engine, model: SegmentModel
) -> None:
    store(engine, model, a_stream(model, number=20))
    with engine.begin() as connection:
        _many_changes(connection, model, 26_000)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    statements: list[tuple[str, object]] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append((args[2], args[3])))
    seconds = [_seconds_of_a_refresh(engine) for _ in range(7)]
    assert min(seconds) < 0.1
    about_changes = {sql: values for sql, values in statements if "FROM segment_changes" in sql}
    assert len(about_changes) == 3
    with engine.connect() as connection:
        for sql, values in about_changes.items():
            plan = connection.exec_driver_sql(f"EXPLAIN {sql}", values).scalars().all()
            assert any("segment_changes_effective_at" in line for line in plan), plan
            assert not any("Seq Scan" in line for line in plan), plan


def _inside(stream: Stored, since: datetime | None) -> pd.DataFrame:
    changes = stream.changes
    return changes if since is None else changes[changes["effective_at"] >= since]


def _change(model: SegmentModel, customer: str, at: datetime) -> dict[str, object]:
    return {
        "customer_id": customer,
        "sequence": 1,
        "partition": 7,
        "position": ord(customer),
        "to_segment": model.segments[0].id,
        "cause": "first_purchase",
        "effective_at": at,
        "recency_days": 0,
        "frequency": 1,
        "monetary": 1,
        "model_version": model.version,
    }


def _many_changes(connection: Connection, model: SegmentModel, number: int) -> None:
    connection.execute(
        text(
            "INSERT INTO segment_changes (customer_id, sequence, partition, position, from_segment, to_segment, cause,"
            " effective_at, recency_days, frequency, monetary, model_version)"
            " SELECT 'c' || n % 5000, n, 8, n, :a, :b, (ARRAY['decay', 'purchase'])[n % 2 + 1],"
            " :now - n * interval '40 minutes', 1, 1, 1, :version FROM generate_series(1, :number) n"
        ),
        {
            "a": model.segments[0].id,
            "b": model.segments[1].id,
            "now": EVENT_TIME,
            "version": model.version,
            "number": number,
        },
    )


def _seconds_of_a_refresh(engine: Engine) -> float:
    started = time.perf_counter()
    snapshot = read(engine, WINDOWS["30"])
    assert snapshot is not None
    assert not snapshot.latest.empty
    return time.perf_counter() - started
