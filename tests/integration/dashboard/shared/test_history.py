"""The daily history against a real Postgres; pandas on the same rows is the oracle."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import Engine, event, insert, update

from dashboard.shared import flows, reading
from dashboard.shared.history import DailyHistory, daily, new_cache
from dashboard.shared.labels import PERIODS
from data.postgres.pruning import Retention, prune
from data.postgres.tables import erasures, metadata, segment_changes, stream_progress
from models.segment_model import SegmentModel
from tests.support.generated_tables import EVENT_TIME, Stored

WINDOW_DAYS = [window.days for window in PERIODS.values()]
KEYS = ["day", "from_segment", "to_segment", "cause"]


def test_every_day_has_its_changes_and_their_spend(filled: Engine, stream: Stored) -> None:
    expected = _days(stream.changes)
    found = _read(new_cache(), filled).set_index(KEYS).sort_index()
    assert found["changes"].to_dict() == expected["changes"].to_dict()
    pd.testing.assert_series_equal(found["money"], expected["money"], check_index_type=False)


@pytest.mark.parametrize("days", WINDOW_DAYS)
def test_the_flows_of_a_window_count_its_changes(filled: Engine, stream: Stored, days: int | None) -> None:
    since = flows.window_start(EVENT_TIME, days)
    found = flows.flows(flows.between(_read(new_cache(), filled), since))
    inside = _inside(stream, since)
    keys = zip(inside["from_segment"].fillna(""), inside["to_segment"], inside["cause"], strict=True)
    assert {(row.from_segment, row.to_segment, row.cause): row.changes for row in found.itertuples()} == Counter(keys)
    assert found["money"].sum() == pytest.approx(inside["monetary"].sum())


@pytest.mark.parametrize("days", WINDOW_DAYS)
@pytest.mark.parametrize("bin_days", [1, 7])
def test_the_rhythm_counts_every_change_of_a_window_once(
    filled: Engine, stream: Stored, days: int | None, bin_days: int
) -> None:
    since = flows.window_start(EVENT_TIME, days)
    found = flows.rhythm(flows.between(_read(new_cache(), filled), since), since, bin_days)
    origin = since or datetime(2011, 1, 3, tzinfo=UTC)
    inside = _inside(stream, since)
    whole_bins = (inside["effective_at"] - origin) // timedelta(days=bin_days)
    expected = Counter(zip(origin + whole_bins * timedelta(days=bin_days), inside["cause"], strict=True))
    assert {(row.at, row.cause): row.changes for row in found.itertuples()} == expected
    assert found["at"].is_monotonic_increasing


def test_the_sizes_end_with_the_present_segments(filled: Engine, stream: Stored) -> None:
    sizes = flows.sizes(_read(new_cache(), filled))
    assert sizes.iloc[-1].to_dict() == stream.customers["segment"].value_counts().to_dict()
    assert (sizes.to_numpy() >= 0).all()


def test_the_sizes_of_a_day_count_each_customer_in_their_last_segment(filled: Engine, stream: Stored) -> None:
    sizes = flows.sizes(_read(new_cache(), filled))
    for day in (sizes.index[0], sizes.index[len(sizes) // 2], sizes.index[-40]):
        before = stream.changes[stream.changes["effective_at"] < day + timedelta(days=1)]
        last = before.sort_values("sequence").groupby("customer_id")["to_segment"].last().value_counts()
        assert {segment: n for segment, n in sizes.loc[day].items() if n} == last.to_dict()


def test_a_second_reading_asks_for_the_open_days_only(filled: Engine) -> None:
    cache = new_cache()
    first = _read(cache, filled)
    with _statements(filled) as asked:
        second = _read(cache, filled)
    pd.testing.assert_frame_equal(second, first)
    parameters = [values for sql, values in asked if "segment_changes" in sql]
    assert len(parameters) == 1
    assert flows.midnight(EVENT_TIME) in parameters[0].values()


def test_changes_after_the_first_reading_are_seen(filled: Engine, model: SegmentModel) -> None:
    cache = new_cache()
    before = _read(cache, filled)["changes"].sum()
    later = EVENT_TIME + timedelta(days=3)
    _add(filled, _change(model, "a", later))
    _add(filled, _change(model, "b", EVENT_TIME))
    with filled.begin() as connection:
        connection.execute(update(stream_progress).values(event_time=later))
    after = _read(cache, filled)
    assert after["changes"].sum() == before + 2
    assert after["day"].max() == flows.midnight(later)
    pd.testing.assert_frame_equal(after, _read(cache, filled))


def test_a_changed_past_is_read_again(filled: Engine, model: SegmentModel) -> None:
    cache = new_cache()
    _read(cache, filled)
    with filled.begin() as connection:
        connection.execute(segment_changes.delete())
        connection.execute(update(stream_progress).values(change_position=0))
    assert _read(cache, filled).empty
    _add(filled, _change(model, "a", EVENT_TIME - timedelta(days=300)))
    assert _read(cache, filled)["changes"].tolist() == [1]


def test_a_forgotten_customer_leaves_the_past_and_it_is_cached_again(
    filled: Engine, model: SegmentModel, stream: Stored
) -> None:
    cache = new_cache()
    before = _read(cache, filled)["changes"].sum()
    customer = stream.changes["customer_id"].iloc[0]
    own = int((stream.changes["customer_id"] == customer).sum())
    gone = {"hash": b"h", "partition": 0, "position": before + 1, "transactions": 3, "changes": own, "dead_letters": 0}
    with filled.begin() as connection:
        connection.execute(segment_changes.delete().where(segment_changes.c.customer_id == customer))
        connection.execute(insert(erasures).values(**gone))
        last = stream_progress.c.change_position + 1
        connection.execute(update(stream_progress).where(stream_progress.c.partition == 0).values(change_position=last))
    assert _read(cache, filled)["changes"].sum() == before - own
    with _statements(filled) as asked:
        _read(cache, filled)
    assert len([sql for sql, _ in asked if "segment_changes" in sql]) == 1


def test_after_pruning_the_history_begins_with_the_first_whole_day_and_sizes_are_as_before(filled: Engine) -> None:
    cache = new_cache()
    before = _read(cache, filled)
    with filled.begin() as connection:
        connection.execute(update(stream_progress).values(published_position=stream_progress.c.change_position))
    kept = timedelta(days=200)
    assert (prune(filled, Retention(changes=kept), EVENT_TIME).changes or 0) > 20
    after = _read(cache, filled)
    begin = flows.moved(after)["day"].min()
    assert begin <= flows.midnight(EVENT_TIME - kept) + flows.ONE_DAY
    pd.testing.assert_frame_equal(
        flows.moved(after).reset_index(drop=True), before[before["day"] >= begin].reset_index(drop=True)
    )
    was, now = (flows.sizes(days).loc[begin:] for days in (before, after))
    assert was.to_dict() == now[was.columns].to_dict()
    with _statements(filled) as asked:
        pd.testing.assert_frame_equal(_read(cache, filled), after)
    assert len([sql for sql, _ in asked if "segment_changes" in sql]) == 1


def test_a_change_at_midnight_belongs_to_the_new_day(filled: Engine, model: SegmentModel) -> None:
    midnight = datetime(2012, 3, 1, tzinfo=UTC)
    with filled.begin() as connection:
        connection.execute(insert(segment_changes), [_change(model, "a", midnight)])
        connection.execute(insert(segment_changes), [_change(model, "b", midnight - timedelta(microseconds=1))])
    days = _read(new_cache(), filled)
    assert flows.between(days, midnight)["changes"].tolist() == [1]


def test_nothing_streamed_is_an_empty_history(engine: Engine) -> None:
    metadata.create_all(engine)
    days = _read(new_cache(), engine)
    assert days.empty
    assert flows.flows(days).empty
    assert flows.rhythm(days, None, 1).empty
    assert flows.sizes(days).empty
    assert flows.locate(days, 10).days == []


def _read(cache: DailyHistory, engine: Engine) -> pd.DataFrame:
    with reading.reading(engine) as connection:
        return cache.read(connection, reading.progress(connection))


def _days(changes: pd.DataFrame) -> pd.DataFrame:
    whole = changes.assign(day=changes["effective_at"].dt.floor("D"), from_segment=changes["from_segment"].fillna(""))
    grouped = whole.groupby(KEYS)
    return grouped.agg(changes=("sequence", "size"), money=("monetary", "sum")).sort_index()


def _inside(stream: Stored, since: datetime | None) -> pd.DataFrame:
    changes = stream.changes
    return changes if since is None else changes[changes["effective_at"] >= since]


def _add(engine: Engine, change: dict[str, object]) -> None:
    """A change as a worker commits it, together with its position."""
    counters = stream_progress.c
    with engine.begin() as connection:
        connection.execute(insert(segment_changes), [change])
        connection.execute(
            update(stream_progress).where(counters.partition == 0).values(change_position=counters.change_position + 1)
        )


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


@contextmanager
def _statements(engine: Engine) -> Iterator[list[tuple[str, dict[str, object]]]]:
    seen: list[tuple[str, dict[str, object]]] = []

    def note(*args: object) -> None:
        seen.append((str(args[2]), args[3] if isinstance(args[3], dict) else {}))

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_the_daily_history_can_begin_anywhere(filled: Engine) -> None:
    since = flows.midnight(EVENT_TIME - timedelta(days=100))
    with reading.reading(filled) as connection:
        whole, part = daily(connection, None), daily(connection, since)
    pd.testing.assert_frame_equal(flows.between(whole, since).reset_index(drop=True), part)
