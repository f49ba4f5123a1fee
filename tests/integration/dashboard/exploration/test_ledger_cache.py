"""What the ledger cache returns is what a query without it returns."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, event, insert

from dashboard.exploration import ledger_cache, queries
from dashboard.exploration.ledger_cache import LedgerCache
from dashboard.exploration.queries import Ledger
from dashboard.shared.flows import midnight
from dashboard.shared.reading import StreamProgress, progress, reading
from data.postgres.model_registry import register
from data.postgres.tables import metadata, transactions
from models.segment_model import SegmentModel
from tests.support.dataset_tables import fill
from tests.support.retail import retail

EVENT_TIME = datetime(2011, 3, 10, 14, 30, tzinfo=UTC)
DAYS_APART = (0, 0, 1, 21, 22, 60, 95)


@pytest.fixture
def shop(engine: Engine, model: SegmentModel) -> Engine:
    everything = retail().transactions
    metadata.create_all(engine)
    register(engine, model)
    fill(engine, everything[everything["occurred_at"] <= EVENT_TIME], model, EVENT_TIME)
    return engine


def at(engine: Engine, days_before: float) -> StreamProgress:
    """The stream's progress some days earlier."""
    with reading(engine) as connection:
        now = progress(connection)
    return replace(now, watermark=EVENT_TIME - timedelta(days=days_before), transactions=100)


def remembered(engine: Engine, cache: LedgerCache, now: StreamProgress) -> Ledger:
    with reading(engine) as connection:
        found = cache.read(connection, now)
    assert found is not None
    return found


def assert_read(engine: Engine, found: Ledger, now: StreamProgress) -> None:
    """Assert that the ledger is the same as one that is read without a cache."""
    assert now.watermark is not None
    with reading(engine) as connection:
        fresh = queries.ledger(connection, midnight(now.watermark))
    assert fresh is not None
    for field in fields(Ledger):
        ours, theirs = getattr(found, field.name), getattr(fresh, field.name)
        if isinstance(theirs, pd.DataFrame):
            order = [name for name in theirs.columns if name not in ("sold", "returned")]
            ours, theirs = (frame.sort_values(order).reset_index(drop=True) for frame in (ours, theirs))
            pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, check_like=True)
        else:
            assert ours == theirs, field.name


@contextmanager
def asked(engine: Engine) -> Iterator[list[datetime]]:
    """The earliest moments that queries ask for inside the block."""
    moments: list[datetime] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: dict[str, Any], *_: object) -> None:
        if "FROM transactions" in statement and "occurred_at >=" in statement:
            moments.append(min(value for name, value in parameters.items() if name.startswith("occurred_at")))

    event.listen(engine, "before_cursor_execute", note)
    yield moments
    event.remove(engine, "before_cursor_execute", note)


def test_as_time_passes_the_cache_returns_what_a_query_returns(shop: Engine) -> None:
    cache = ledger_cache.new_cache()
    for days_before in sorted(DAYS_APART, reverse=True):
        now = at(shop, days_before)
        assert_read(shop, remembered(shop, cache, now), now)


def test_only_the_open_month_is_read_again(shop: Engine) -> None:
    cache = ledger_cache.new_cache()
    remembered(shop, cache, at(shop, 2))
    with asked(shop) as moments:
        remembered(shop, cache, at(shop, 1))
    assert moments
    assert min(moments) == datetime(2011, 3, 1, tzinfo=UTC)


def test_nothing_is_read_again_before_the_next_midnight(shop: Engine) -> None:
    cache, now = ledger_cache.new_cache(), at(shop, 0.5)
    before = remembered(shop, cache, now)
    with asked(shop) as moments:
        later = replace(now, watermark=midnight(EVENT_TIME) + timedelta(hours=23), transactions=101)
        assert remembered(shop, cache, later) is before
    assert moments == []
    assert_read(shop, before, later)


def test_a_transaction_that_comes_late_is_counted(shop: Engine) -> None:
    cache, now = ledger_cache.new_cache(), at(shop, 0)
    before = remembered(shop, cache, now)
    late = {"customer_id": "nobody", "transaction_id": "late", "kind": "return", "amount": 5, "country": "France"}
    with shop.begin() as connection:
        connection.execute(insert(transactions), late | {"occurred_at": datetime(2010, 7, 1, tzinfo=UTC)})
    now = replace(now, late=now.late + 1, transactions=now.transactions + 1)
    after = remembered(shop, cache, now)
    assert after.revenue["returns"].sum() == before.revenue["returns"].sum() + 1
    assert_read(shop, after, now)


def test_a_stream_that_begins_again_is_read_again(shop: Engine) -> None:
    cache, now = ledger_cache.new_cache(), at(shop, 0)
    remembered(shop, cache, now)
    with shop.begin() as connection:
        connection.execute(transactions.delete().where(transactions.c.occurred_at >= datetime(2010, 2, 1, tzinfo=UTC)))
    now = replace(now, transactions=5)
    assert_read(shop, remembered(shop, cache, now), now)


def test_a_larger_stream_that_begins_again_at_an_earlier_time_is_read_again(shop: Engine) -> None:
    cache, now = ledger_cache.new_cache(), at(shop, 0)
    remembered(shop, cache, now)
    with shop.begin() as connection:
        connection.execute(transactions.delete().where(transactions.c.kind == "return"))
    now = replace(at(shop, 95), transactions=now.transactions + 1)
    assert_read(shop, remembered(shop, cache, now), now)
